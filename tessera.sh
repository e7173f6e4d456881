#!/usr/bin/env bash
# Runs `tessera ARGS...`; the first call sets up the machine and builds the program, and so does a call after the sources
# have changed. See README.md.
set -euo pipefail

self=${BASH_SOURCE[0]}
if [[ -L $self ]]; then self=$(readlink -f "$self"); fi
[[ $self == */* ]] || self=./$self
root=$(cd "${self%/*}" && pwd)
stamp=$root/build/.built

# Nothing newer than the start of the last build: start at once. (Asking ninja would cost more than decoding a small picture.)
up_to_date() {
  [[ -x $root/build/tessera && -f $stamp && $(<"$stamp") == "$root" ]] || return 1
  [[ -z $(find "$root"/{CMakeLists.txt,CMakePresets.json,cmake,scripts,bitstream,entropy,models,codec,data,apps} \
    \( -path "$root/apps/rd" -o -path "$root/data/weights" -o -path "$root/data/recipes" \) -prune -o \
    -newer "$stamp" -print -quit) ]]
}

if ! up_to_date; then "$root/scripts/build.sh" tessera; fi
exec "$root/build/tessera" "$@"
