#!/usr/bin/env bash
# Runs every fuzz target for a while and writes a table: executions, executions a second, coverage, findings.
#
#   tests/fuzz/run.sh SECONDS OUT [TARGET...]
#
# SECONDS: for each target. OUT: a folder for the growing corpora, logs, findings and table.md; a second run goes on from there. The targets
# are those of the preset fuzz, in $TESSERA_FUZZ_BUILD (build-fuzz); those that are not built are left out. Ends with 1 when something was found.
set -euo pipefail

folder=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
root=$(cd "$folder/../.." && pwd)
build=${TESSERA_FUZZ_BUILD:-$root/build-fuzz}
if (($# < 2)); then
  sed -n '4,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
seconds=$1
out=$2
shift 2
targets=("$@")
if ((${#targets[@]} == 0)); then
  for program in "$build"/fuzz_*; do targets+=("${program##*/fuzz_}"); done
fi
mkdir -p "$out"
table=$out/table.md
printf '| target | executions | a second | edges covered | inputs kept | findings |\n|---|---|---|---|---|---|\n' >"$table"

# Bytes of options in front of a stream, as in CMakeLists.txt; golden streams are seeds of the targets that have any.
options_of() { sed -n "s/^tessera_fuzz($1 OPTIONS \([0-9]*\) .*/\1/p" "$folder/CMakeLists.txt"; }
takes_golden() { awk -v t="tessera_fuzz($1 " 'index($0, t) {on = 1} on && /GOLDEN/ {found = 1} on && /\)$/ {on = 0} END {exit !found}' "$folder/CMakeLists.txt"; }
last() { sed -n "s/.* $1: \([0-9]*\).*/\1/p" "$2" | tail -n 1; }

found=0
# libFuzzer maps much more than it uses; a quarantine of 16 MiB keeps freed memory from hiding the targets' own.
export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=16}
for target in "${targets[@]}"; do
  corpus=$out/$target
  mkdir -p "$corpus" "$out/seeds-$target" "$out/findings-$target"
  if takes_golden "$target"; then
    for stream in "$root"/tests/golden/*.tsr; do
      { head -c "$(options_of "$target")" /dev/zero; cat "$stream"; } >"$out/seeds-$target/$(basename "$stream" .tsr)"
    done
  fi
  kept=$folder/corpus/$target
  [[ -d $kept ]] || kept=
  log=$out/$target.log
  "$build/fuzz_$target" -max_total_time="$seconds" -max_len=4096 -timeout=60 -rss_limit_mb="${TESSERA_FUZZ_MEMORY:-2048}" -print_final_stats=1 \
    -artifact_prefix="$out/findings-$target/" "$corpus" ${kept:+"$kept"} "$out/seeds-$target" >"$log" 2>&1 || true
  findings=$(find "$out/findings-$target" -type f ! -name 'slow-unit-*' | wc -l)
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
  printf '| %s | %s | %s | %s | %s | %s |\n' "$target" "${executions:-0}" "${rate:-0}" "$(last cov "$log")" "$(find "$corpus" -type f | wc -l)" "$findings" >>"$table"
  if ((findings > 0)); then found=1; fi
done
cat "$table"
exit "$found"
