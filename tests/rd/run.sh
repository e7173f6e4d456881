#!/bin/sh
# Runs one test module with the project's Python. Exit status 77: no such environment (apps/rd/rd.sh makes it).
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
python=${TESSERA_VENV:-$here/../../.venv}/bin/python
[ -x "$python" ] && "$python" -c 'import numpy, scipy, matplotlib, bjontegaard, ssimulacra2' 2>/dev/null || {
  echo "no Python environment: run apps/rd/rd.sh --setup-only"
  exit 77
}
cd "$here" && exec "$python" -m unittest "$@"
