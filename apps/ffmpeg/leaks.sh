#!/usr/bin/env bash
# Whether decoders that are opened and closed leave anything behind; prints what it finds in Markdown.
#
#   apps/ffmpeg/leaks.sh [ROUNDS [BUILD]]   ROUNDS (1 000) decoders for each of ten golden streams, of pictures, sound and video
#
# BUILD (build/) is the folder whose libtessera is tried: AddressSanitizer's heap serves the whole process, so that any build will do;
# build-debug-asan, of the preset of that name, also finds accesses out of bounds. Where apps/ffmpeg/patched.sh has built an ffmpeg, that runs
# under LeakSanitizer, through streams that are whole, left early, cut off and damaged.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
rounds=${1:-1000} build=$(readlink -f "${2:-$root/build}")
fail() { echo "leaks: $1" >&2; exit 1; }
library=$(find "$build" -maxdepth 1 -name libtessera.so)
[[ -n $library ]] || fail "$build has no libtessera.so: scripts/build.sh builds it."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset TESSERA_WEIGHTS

# try NAME FLAGS...: the decoders, with or without something that has to be found.
try() {
  local name=$1
  shift
  gcc -std=c11 -O1 -g -Wall -Wextra -Wpedantic -Werror -fsanitize=address -I"$root" "$@" "$root/tests/capi/leaks_test.c" -o "$folder/$name" \
    -L"$build" -ltessera -Wl,-rpath,"$build"
}
printf '## Leaks\n\nMade by `apps/ffmpeg/leaks.sh %s` with the library of `%s/`.\n\n' "$rounds" "${build#"$root/"}"
golden=$root/tests/golden
export ASAN_OPTIONS=detect_leaks=1:exitcode=23
try leaks
"$folder/leaks" "$rounds" "$golden"/{rgb,rgba16,tiles,overfit_rgb,speech_6k,speech_live,sound_12k,lite_q32,lite_odd10,motion_q32}.tsr >"$folder/found" 2>"$folder/log" ||
  fail "something is left behind: $(cat "$folder/found" "$folder/log")"
sed 's/^/- /' "$folder/found"
echo "- AddressSanitizer, with its leak check: nothing reported"
# A check that finds nothing has to be one that can.
try leaking -DTESSERA_LEAK
if "$folder/leaking" 20 "$golden/lite_q32.tsr" >"$folder/log" 2>&1 || ! grep -q LeakSanitizer "$folder/log"; then fail "a decoder that is not closed is not found."; fi
echo "- a decoder that is left open on purpose: reported"

# The newest of the builds.
patched=$(ls -t "$root"/build-ffmpeg/ffmpeg-*/ffmpeg 2>/dev/null | head -n 1 || true)
if [[ -z $patched ]]; then exit 0; fi
export LSAN_OPTIONS=exitcode=23
runs=0
quiet() {
  LD_PRELOAD=$(gcc -print-file-name=liblsan.so) "$patched" -hide_banner -loglevel error -nostdin -y "$@" >"$folder/log" 2>&1 || true
  if grep -q LeakSanitizer "$folder/log"; then fail "ffmpeg $*: $(cat "$folder/log")"; fi
  runs=$((runs + 1))
}
cd "$folder"
"$patched" -loglevel error -f lavfi -i testsrc2=size=96x64:rate=25 -f lavfi -i sine=sample_rate=24000 -t 2 -pix_fmt yuv420p -c:v libtessera -g 10 \
  -c:a libtessera_audio in.mkv
"$patched" -loglevel error -i in.mkv -map 0:v -c copy in.tsr
cp in.tsr damaged.tsr
printf 'damage' | dd of=damaged.tsr bs=1 seek=$(($(stat -c %s in.tsr) / 2)) conv=notrunc status=none
head -c $(($(stat -c %s in.tsr) * 2 / 3)) in.tsr >cut.tsr
head -c $(($(stat -c %s in.mkv) * 2 / 3)) in.mkv >cut.mkv
for input in in.mkv in.tsr damaged.tsr cut.tsr cut.mkv "$golden/rgb.tsr" "$golden/speech_6k.tsr"; do quiet -i "$input" -f null -; done
quiet -i in.mkv -frames:v 3 -f null -
quiet -ss 1 -i in.mkv -f null -
quiet -i in.mkv -c:v libtessera -c:a libtessera_audio -t 1 again.mkv
quiet -i in.mkv -an -vf tessera -f null -
quiet -i in.mkv -an -frames:v 2 -vf format=rgb24,tessera=model=still -f null -
quiet -i in.mkv -weights /nowhere -an -c:v libtessera none.tsr
echo "- FFmpeg $("$patched" -version | sed -n '1s/ffmpeg version \([^ ]*\).*/\1/p') with the series, $runs commands, over streams that are whole, left early, cut off and damaged, encoding and" \
  "filtering, under LeakSanitizer: nothing reported"
