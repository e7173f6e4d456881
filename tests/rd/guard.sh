#!/bin/sh
# The regression guard: the still-picture codec on pictures that the project makes, against the recorded baseline.
#   guard.sh FOLDER TESSERA         runs and checks
#   guard.sh FOLDER TESSERA record  runs and records a new baseline (after a deliberate change of model or coder)
# Exit status 77: no Python environment (apps/rd/rd.sh makes it).
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
folder=$1 program=$2
python=${TESSERA_VENV:-$here/../../.venv}/bin/python
[ -x "$python" ] && "$python" -c 'import numpy, scipy, matplotlib, bjontegaard, ssimulacra2' 2>/dev/null || {
  echo "no Python environment: run apps/rd/rd.sh --setup-only"
  exit 77
}
rd="$python $here/../../apps/rd/rd.py"
rm -rf "$folder/pictures"
$rd pictures "$folder/pictures"
$rd run --suite images --data "$folder/pictures" --out "$folder/run" --codecs tessera:still --qualities 6 --timing-files 0 \
  --tessera "$program" --no-report --quiet
if [ "${3:-}" = record ]; then
  $rd baseline "$folder/run" --out "$here/baseline.json" --margin 1
else
  $rd check "$folder/run" --baseline "$here/baseline.json"
fi
