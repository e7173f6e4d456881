#!/usr/bin/env bash
# Sets up the machine, builds everything and runs all tests; arguments go to ctest (./test.sh -R Rans).
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
"$root/scripts/build.sh" --tests
"$root/apps/rd/rd.sh" --setup-only
exec ctest --test-dir "$root/build" --output-on-failure -j 2 "$@" </dev/null
