#!/usr/bin/env bash
# Runs fuzz targets for a while and writes a table: executions, executions a second, coverage, findings.
#
#   tests/fuzz/run.sh [-j JOBS] SECONDS OUT [TARGET[:PROCESSES]...]
#
# SECONDS: for each target. OUT: a folder for the growing corpora, logs, findings and table.md; a second run goes on from there. TARGET: one of the
# preset fuzz in $TESSERA_FUZZ_BUILD (build-fuzz), by default all that are built, with one process each. JOBS: processes at a time (1); those of one
# target share its corpus. A process that ends with a finding is started again until its time is over. Ends with 1 when something was found.
#
# TESSERA_FUZZ_MEMORY: MiB that a process may take (2048). TESSERA_FUZZ_TIMEOUT: seconds that an input may take (60).
set -euo pipefail

folder=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
root=$(cd "$folder/../.." && pwd)
build=${TESSERA_FUZZ_BUILD:-$root/build-fuzz}
usage() {
  sed -n '4,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}
jobs=1
while getopts j: option; do
  case $option in
    j) jobs=$OPTARG ;;
    *) usage ;;
  esac
done
shift $((OPTIND - 1))
if (($# < 2)) || ! [[ $jobs =~ ^[1-9][0-9]*$ && $1 =~ ^[1-9][0-9]*$ ]]; then usage; fi
seconds=$1
out=$2
shift 2
targets=("$@")
if ((${#targets[@]} == 0)); then
  for program in "$build"/fuzz_*; do targets+=("${program##*/fuzz_}"); done
fi
for target in "${targets[@]}"; do
  if [[ ! -x $build/fuzz_${target%:*} ]]; then
    echo "run.sh: $build/fuzz_${target%:*} is not built" >&2
    exit 2
  fi
done
mkdir -p "$out/logs"
out=$(cd "$out" && pwd)
table=$out/table.md

# Bytes of options in front of a stream, as in CMakeLists.txt; golden streams are seeds of the targets that have any.
options_of() { sed -n "s/^ *tessera_fuzz($1 OPTIONS \([0-9]*\) .*/\1/p" "$folder/CMakeLists.txt"; }
takes_golden() { awk -v t="tessera_fuzz($1 " 'index($0, t) {on = 1} on && /GOLDEN/ {found = 1} on && /\)$/ {on = 0} END {exit !found}' "$folder/CMakeLists.txt"; }
# Long enough for what there is to find, short enough for many executions; a weights file has to fit.
max_len_of() {
  case $1 in
    frame) echo 256 ;;
    rans | range | tables) echo 512 ;;
    stream | overfit) echo 1024 ;;
    weights) echo 65536 ;;
    *) echo 4096 ;;
  esac
}

prepare() { # TARGET
  mkdir -p "$out/$1" "$out/seeds-$1" "$out/findings-$1"
  if takes_golden "$1"; then
    local stream
    for stream in "$root"/tests/golden/*.tsr; do
      { head -c "$(options_of "$1")" /dev/zero; cat "$stream"; } >"$out/seeds-$1/$(basename "$stream" .tsr)"
    done
  fi
}

# One process for the whole time, started again after each finding; a second's rest keeps a target that fails at once from filling the disk.
fuzz() { # TARGET PROCESS
  local deadline=$((SECONDS + seconds)) run=0 kept=$folder/corpus/$1
  [[ -d $kept ]] || kept=
  while ((SECONDS < deadline)); do
    "$build/fuzz_$1" -max_total_time=$((deadline - SECONDS)) -max_len="$(max_len_of "$1")" -timeout="${TESSERA_FUZZ_TIMEOUT:-60}" \
      -rss_limit_mb="${TESSERA_FUZZ_MEMORY:-2048}" -print_final_stats=1 -seed=$((RANDOM * 32768 + RANDOM + 1)) -artifact_prefix="$out/findings-$1/" \
      "$out/$1" ${kept:+"$kept"} "$out/seeds-$1" >"$out/logs/$1.$2.$run.log" 2>&1 && break
    run=$((run + 1))
    sleep 1
  done
}

# libFuzzer maps much more than it uses; a quarantine of 16 MiB keeps freed memory from hiding the targets' own.
export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=16}
rm -f "$out"/logs/*.log
running=0
for target in "${targets[@]}"; do
  name=${target%:*}
  processes=1
  if [[ $target == *:* ]]; then processes=${target##*:}; fi
  prepare "$name"
  for ((p = 0; p < processes; ++p)); do
    if ((running == jobs)); then
      wait -n
      running=$((running - 1))
    fi
    fuzz "$name" "$p" &
    running=$((running + 1))
  done
done
wait

sum() { sed -n "s/^stat::$1: *//p" "$out/logs/$2".*.log | awk '{s += $1} END {print s + 0}'; }
most() { { grep -ho " $1: [0-9]*" "$out/logs/$2".*.log || true; } | awk '{if ($2 > m) m = $2} END {print m + 0}'; }
count() { find "$out/$1" -type f ! -name 'slow-unit-*' | wc -l; }
found=0
printf '| target | processes | executions | a second and process | edges covered | inputs kept | findings |\n|---|---|---|---|---|---|---|\n' >"$table"
total=0
for target in "${targets[@]}"; do
  name=${target%:*}
  processes=$(find "$out/logs" -name "$name.*.0.log" | wc -l)
  executions=$(sum number_of_executed_units "$name")
  findings=$(count "findings-$name")
  total=$((total + executions))
  printf '| `%s` | %s | %s | %s | %s | %s | %s |\n' "$name" "$processes" "$executions" $((executions / processes / seconds)) "$(most cov "$name")" \
    "$(count "$name")" "$findings" >>"$table"
  if ((findings > 0)); then found=1; fi
done
printf '\n%s executions in all.\n' "$total" >>"$table"
cat "$table"
exit "$found"
