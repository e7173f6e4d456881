#!/usr/bin/env bash
# Sets up, configures and builds the preset `release` in build/, and says nothing but a line of progress unless it fails.
#
#   scripts/build.sh [--tests] [TARGET...]
#
# With --tests the tests and benchmarks are configured and everything is built.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
build=$root/build
options=(-DTESSERA_DEPS="${TESSERA_DEPS:-$root/.deps}")
setup=()
if [[ ${1:-} == --tests ]]; then
  shift
  setup=(--tests)
  options+=(-DTESSERA_TESTS=ON -DTESSERA_BENCH=ON)
elif [[ ! -f $build/CMakeCache.txt ]]; then
  # Who only wants the program needs no test libraries; an existing build keeps its choice.
  options+=(-DTESSERA_TESTS=OFF -DTESSERA_BENCH=OFF)
fi
targets=()
for target in "$@"; do targets+=(--target "$target"); done

"$root/scripts/setup.sh" "${setup[@]}" </dev/null >&2

mkdir -p "$build"
exec 9>"$build/.lock"
flock 9
log=$build/build.log
stamp=$build/.built
started=$build/.started
touch "$started"
show_and_exit() {
  if [[ -t 2 ]]; then echo >&2; fi
  grep -v '^@' "$log" | tail -n 100 >&2
  echo "build: $1; the whole log is $log" >&2
  exit 1
}

# A clone that was moved or copied carries a cache that CMake refuses.
fresh=()
if [[ -f $build/CMakeCache.txt ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$build/CMakeCache.txt"; then fresh=(--fresh); fi
# One line that is overwritten on a terminal, two lines in a log.
progress() {
  if [[ -t 2 ]]; then printf '\rbuild: %-20s' "$1" >&2; fi
}
if [[ ! -t 2 ]]; then echo "build: running, the log is $log" >&2; fi
progress configuring
cd "$root"
cmake --preset release "${fresh[@]}" "${options[@]}" >"$log" 2>&1 </dev/null || show_and_exit "configuring failed"

# A compiler process that sees libtorch's headers takes up to 1.5 GB.
jobs=$(nproc)
memory=$(awk '/MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo)
if ((memory < jobs)); then jobs=$((memory > 0 ? memory : 1)); fi

# Without this ccache keeps nothing that is compiled with a precompiled header.
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}
status=0
NINJA_STATUS='@%f/%t ' cmake --build "$build" -j "${TESSERA_JOBS:-$jobs}" "${targets[@]}" 2>&1 </dev/null |
  tee -a "$log" |
  while IFS= read -r line; do
    if [[ $line == @* ]]; then
      line=${line#@}
      progress "${line%% *}"
    fi
  done || status=1
if [[ $status != 0 ]]; then show_and_exit "building failed"; fi
progress "done"
if [[ -t 2 ]]; then echo >&2; else echo 'build: done' >&2; fi
# tessera.sh compares the sources with the moment at which this build began.
echo "$root" >"$stamp"
touch -r "$started" "$stamp"
