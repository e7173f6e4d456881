#!/usr/bin/env bash
# Whether decoders that are opened and closed leave anything behind; prints what it finds in Markdown.
#
#   apps/ffmpeg/leaks.sh [ROUNDS [BUILD]]   ROUNDS (1 000) decoders for each of ten golden streams, of pictures, sound and video
#
# BUILD (build/) is the folder whose libtessera is tried: AddressSanitizer's heap serves the whole process, so that any build will do;
# build-debug-asan, of the preset of that name, also finds accesses out of bounds. The system's ffmpeg with the plugins, and the one that
# apps/ffmpeg/patched.sh has built, run under LeakSanitizer, through streams that are whole, left early, cut off and damaged.
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

# quiet FFMPEG ARGUMENTS...: LeakSanitizer has nothing to say, and no signal ends it.
export LSAN_OPTIONS=exitcode=23
runs=0
quiet() {
  local status=0
  LD_PRELOAD=$(gcc -print-file-name=liblsan.so) "$1" -hide_banner -loglevel error -nostdin -y "${@:2}" >"$folder/log" 2>&1 || status=$?
  if grep -q LeakSanitizer "$folder/log" || ((status >= 129 && status <= 159)); then fail "$* ($status): $(cat "$folder/log")"; fi
  runs=$((runs + 1))
}
report() { echo "- $1 $("$2" -version | sed -n '1s/ffmpeg version \([^ ]*\).*/\1/p') $3, $runs commands, over streams that are whole, left early, cut off and damaged, under LeakSanitizer: nothing reported"; }
cd "$folder"
if command -v ffmpeg >/dev/null && [[ -d $build/frei0r-1 ]]; then
  export FREI0R_PATH=$build/frei0r-1 LV2_PATH=$build/lv2
  source_of() { echo "frei0r_src=size=$1:filter_name=tessera_src:filter_params=$2"; }
  size=$(ffmpeg -hide_banner -loglevel error -nostdin -f lavfi -i "$(source_of 8x8 "$golden/lite_q32.tsr")" -frames:v 1 -f null - 2>&1 | sed -n 's/.*size=//p')
  head -c 1000 "$golden/lite_q32.tsr" >plugin.tsr
  for stream in "$golden/lite_q32.tsr" plugin.tsr; do for frames in 1 3 99; do quiet ffmpeg -f lavfi -i "$(source_of "$size" "$stream")" -frames:v $frames -f null -; done; done
  for model in still motion-lite nothing; do quiet ffmpeg -f lavfi -i testsrc2=size=96x64 -frames:v 3 -vf "frei0r=tessera:0.4|kept.tsr|y|$model" -f null -; done
  for plugin in speech sound; do quiet ffmpeg -f lavfi -i sine=sample_rate=48000 -t 0.5 -ac $([[ $plugin == sound ]] && echo 2 || echo 1) -af "lv2=p=urn\\\\:tessera\\\\:$plugin" -f null -; done
  TESSERA_WEIGHTS=/nowhere quiet ffmpeg -f lavfi -i testsrc2=size=96x64 -frames:v 3 -vf frei0r=tessera -f null -
  report FFmpeg ffmpeg "with the plugins"
fi

# The newest of the builds.
patched=$(ls -t "$root"/build-ffmpeg/ffmpeg-*/ffmpeg 2>/dev/null | head -n 1 || true)
if [[ -z $patched ]]; then exit 0; fi
runs=0
"$patched" -loglevel error -f lavfi -i testsrc2=size=96x64:rate=25 -f lavfi -i sine=sample_rate=24000 -t 2 -pix_fmt yuv420p -c:v libtessera -g 10 \
  -c:a libtessera_audio in.mkv
"$patched" -loglevel error -i in.mkv -c copy in.tsr
cp in.tsr damaged.tsr
printf 'damage' | dd of=damaged.tsr bs=1 seek=$(($(stat -c %s in.tsr) / 2)) conv=notrunc status=none
head -c $(($(stat -c %s in.tsr) * 2 / 3)) in.tsr >cut.tsr
head -c $(($(stat -c %s in.mkv) * 2 / 3)) in.mkv >cut.mkv
for input in in.mkv in.tsr damaged.tsr cut.tsr cut.mkv "$golden/rgb.tsr" "$golden/speech_6k.tsr"; do quiet "$patched" -i "$input" -f null -; done
quiet "$patched" -i in.mkv -frames:v 3 -f null -
for input in in.mkv in.tsr; do quiet "$patched" -ss 1 -i "$input" -f null -; done
quiet "$patched" -i in.tsr -c copy -y again.tsr
quiet "$patched" -i in.mkv -c:v libtessera -c:a libtessera_audio -t 1 again.mkv
quiet "$patched" -i in.mkv -an -vf tessera -f null -
quiet "$patched" -i in.mkv -an -frames:v 2 -vf format=rgb24,tessera=model=still -f null -
quiet "$patched" -i in.mkv -weights /nowhere -an -c:v libtessera none.tsr
report FFmpeg "$patched" "with the series"
