# What the tests of the plugins share. To be sourced with $1: the build folder, $2: the golden streams.
build=$1 golden=$2
# Only what the test names is found.
unset TESSERA_WEIGHTS LADSPA_PATH
export FREI0R_PATH=$build/frei0r-1 LV2_PATH=$build/lv2 AV_LOG_FORCE_NOCOLOR=1
if ! command -v ffmpeg >/dev/null; then
  echo "skipped: there is no ffmpeg (scripts/setup.sh --tests installs it)"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
fail() { echo "$1" >&2; exit 1; }
ff() { ffmpeg -hide_banner -loglevel warning -nostdin -y "$@"; }

# refused SENTENCE STATUS ARGUMENTS...: ffmpeg ends by itself (with STATUS, or any where it is -), and its log has the sentence.
refused() {
  local sentence=$1 wanted=$2 status=0
  shift 2
  ff "$@" >log 2>&1 || status=$?
  [[ $status -lt 128 ]] || fail "ffmpeg was killed ($status): $* : $(cat log)"
  [[ $wanted == - || $status == "$wanted" ]] || fail "status $status, not $wanted: $* : $(cat log)"
  grep -qF "$sentence" log || fail "\"$sentence\" is not in the log of $* : $(cat log)"
}
# md5 ARGUMENTS...: of the frames
md5() { ff "$@" -f md5 - 2>>md5.log || fail "ffmpeg $* failed: $(cat md5.log)"; }

# lean PLUGIN WORKER SYMBOLS: what the host sees depends on nothing but the system, and neither offers or shows anything of libtorch.
lean() {
  [[ -f $1 && -f $2 ]] || fail "$1 or $2 is missing"
  # The names only: the addresses beside them are random, and sooner or later one reads "c10".
  local needed
  needed=$(ldd "$1" | awk '$1 !~ /:$/ {print $1, ($2 == "=>" ? $3 : "")}' | grep -E 'torch|tessera|c10' || true)
  [[ -z $needed ]] || fail "$1 loads $needed before it is used"
  for library in "$1" "$2"; do
    local offered
    offered=$(nm -D --defined-only "$library" | awk '$2 != "A" {print $3}' | grep -vE "^($3)\$" || true)
    [[ -z $offered ]] || fail "$library exports $offered"
    offered=$(nm -D "$library" | c++filt | grep -E '^[0-9a-f ]* [A-Za-z] .*(torch|at::|c10::)' || true)
    [[ -z $offered ]] || fail "$library shows symbols of libtorch: $offered"
  done
}
