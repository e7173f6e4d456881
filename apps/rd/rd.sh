#!/bin/sh
# Runs rd.py in the project's Python environment, .venv in the root of the repository; makes it when it is missing
# or when the requirements have changed. All arguments go to rd.py.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)
venv=${TESSERA_VENV:-$root/.venv}
python=${PYTHON:-$(command -v python3.11 || command -v python3 || true)}
[ -n "$python" ] || { echo "rd.sh: no python3 (Debian: apt-get install python3 python3-venv)" >&2; exit 2; }

wanted=$(cat "$here/requirements.txt" "$here/requirements-audio.txt" | cksum)
if [ "$(cat "$venv/.rd-requirements" 2>/dev/null || true)" != "$wanted" ]; then
  echo "rd.sh: setting up $venv" >&2
  [ -x "$venv/bin/python" ] || "$python" -m venv "$venv" ||
    { echo "rd.sh: cannot make $venv (Debian: apt-get install python3-venv)" >&2; exit 2; }
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  # PESQ is compiled from source. Without a compiler the bench works, and says that PESQ is missing.
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements-audio.txt" ||
    echo "rd.sh: audio metrics not installed (Debian: apt-get install gcc python3-dev); the rest works" >&2
  printf '%s\n' "$wanted" > "$venv/.rd-requirements"
fi
[ "${1:-}" = "--setup-only" ] && exit 0
exec "$venv/bin/python" "$here/rd.py" "$@"
