#!/usr/bin/env bash
# frei0r_test.sh BUILD GOLDEN: filter and source in the system's ffmpeg.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

lean "$FREI0R_PATH/tessera.so" "$build/tessera-plugins/frei0r_tessera.so" 'f0r_[a-z_]*'
lean "$FREI0R_PATH/tessera_src.so" "$build/tessera-plugins/frei0r_tessera_src.so" 'f0r_[a-z_]*'

# What the filter shows is what a decoder makes of the stream that it writes: with alpha and without, odd heights, any file name.
ff -f lavfi -i testsrc=size=96x65:rate=5 -frames:v 2 -c:v rawvideo -pix_fmt rgb24 in.nut
ff -f lavfi -i testsrc=size=96x65:rate=5 -frames:v 1 -pix_fmt rgb24 -update 1 opaque.png
ff -f lavfi -i testsrc=size=96x65:rate=5 -frames:v 1 -vf 'format=rgba,geq=r=r(X\,Y):g=g(X\,Y):b=b(X\,Y):a=2*X' -update 1 alpha.png
for picture in opaque alpha; do
  mkdir -p "with blank"
  ff -i $picture.png -vf "frei0r=tessera:0.4|with blank/$picture.tsr|n|still" -update 1 shown.png
  "$build/tessera" decode "with blank/$picture.tsr" decoded.png --force --quiet
  [[ $(md5 -i shown.png -pix_fmt rgba) == $(md5 -i decoded.png -pix_fmt rgba) ]] || fail "the filter does not show what the stream of $picture.png holds"
  played=$(md5 -f lavfi -i "frei0r_src=size=96x65:framerate=5:filter_name=tessera_src:filter_params=with blank/$picture.tsr" -frames:v 1 -pix_fmt rgba)
  [[ $played == $(md5 -i decoded.png -pix_fmt rgba) ]] || fail "the source does not show what the stream of $picture.png holds"
done
ff -i in.nut -vf 'frei0r=tessera:0.4|f%03d.tsr|n|still' -f null -
[[ -s f001.tsr && -s f002.tsr ]] || fail "not a file for each picture"
# The best quality is nearer to the picture, and the figures change the top of it only.
rough=$(md5 -i opaque.png -vf 'frei0r=tessera:0||n|still,crop=96:45:0:20')
fine=$(md5 -i opaque.png -vf 'frei0r=tessera:1||n|still,crop=96:45:0:20')
figures=$(md5 -i opaque.png -vf 'frei0r=tessera:1||y|still,crop=96:45:0:20')
[[ $rough != "$fine" && $figures == "$fine" ]] || fail "quality or figures have no effect, or a wrong one"
[[ $(md5 -i opaque.png -vf 'frei0r=tessera:1||y|still') != $(md5 -i opaque.png -vf 'frei0r=tessera:1||n|still') ]] || fail "no figures"

# A host whose malloc is not libc's.
other=$(gcc -print-file-name=liblsan.so)
if [[ -f $other ]]; then
  LD_PRELOAD=$other LSAN_OPTIONS=detect_leaks=0 ff -i opaque.png -vf 'frei0r=tessera:0.4||n|still' -f null - || fail "the filter breaks a host with a malloc of its own"
fi

# Video, with the weights of an untrained network.
"$build/ffmpeg_write_weights" weights
export TESSERA_WEIGHTS=$folder/weights
ff -f lavfi -i testsrc2=size=96x64:rate=5 -frames:v 7 -vf 'frei0r=tessera:0.8|clip.tsr' -c:v rawvideo shown.nut
"$build/tessera" info clip.tsr | grep -q '7, 1 key' || fail "the stream has not the 7 frames: $("$build/tessera" info clip.tsr)"
shown=$(md5 -i shown.nut -pix_fmt rgba)
played=$(md5 -f lavfi -i frei0r_src=size=96x64:framerate=5:filter_name=tessera_src:filter_params=clip.tsr -frames:v 7 -pix_fmt rgba)
[[ $shown == "$played" ]] || fail "the source plays other frames than the filter showed"
# Behind the end the last picture stays; a stream that is cut off plays as far as it goes.
ff -f lavfi -i frei0r_src=size=96x64:framerate=5:filter_name=tessera_src:filter_params=clip.tsr -frames:v 9 -f null -
head -c $(($(stat -c %s clip.tsr) / 2)) clip.tsr >cut.tsr
refused 'tessera: ' 0 -f lavfi -i frei0r_src=size=96x64:framerate=5:filter_name=tessera_src:filter_params=cut.tsr -frames:v 7 -f null -
# The size changes in mid-stream.
ff -f lavfi -i testsrc2=size=64x48:rate=5 -frames:v 2 -c:v png small.nut
ff -f lavfi -i testsrc2=size=96x64:rate=5 -frames:v 2 -c:v png large.nut
printf 'file %s\n' large.nut small.nut >both
ff -f concat -i both -vf frei0r=tessera:0.4 -f null - 2>/dev/null
unset TESSERA_WEIGHTS

# Bad input: one sentence of ours, and an end that ffmpeg chooses.
mkdir none
export TESSERA_WEIGHTS=$folder/none
refused 'tessera: model "still" is not installed in' 1 -i opaque.png -vf frei0r=tessera:0.4 -f null -
refused 'tessera: ' 0 -f lavfi -i frei0r_src=size=96x65:filter_name=tessera_src:filter_params=f001.tsr -frames:v 1 -f null -
unset TESSERA_WEIGHTS
source_of() { echo "frei0r_src=size=$1:filter_name=tessera_src:filter_params=$2"; }
refused 'a width that is a multiple of 4' 1 -i opaque.png -vf crop=94:64,frei0r=tessera:0.4 -f null -
refused "Invalid value 'high' for parameter 'quality'" 1 -i opaque.png -vf frei0r=tessera:high -f null -
refused 'tessera: the quality lies between 0 and 1, not at 1.5' 0 -i opaque.png -vf frei0r=tessera:1.5 -f null -
refused 'tessera: model "nothing" is not installed in' 0 -i opaque.png -vf 'frei0r=tessera:0.4|x.tsr|n|nothing' -f null -
refused 'tessera: nowhere/x.tsr cannot be written' 0 -i opaque.png -vf 'frei0r=tessera:0.4|nowhere/x.tsr|n|still' -f null -
refused 'need a name with %d' 0 -i in.nut -vf 'frei0r=tessera:0.4|x.tsr|n|still' -f null -
refused 'tessera: nothing.tsr cannot be read' 0 -f lavfi -i "$(source_of 96x65 nothing.tsr)" -frames:v 1 -f null -
refused 'has 96x65 pixels: write size=96x65' 0 -f lavfi -i "$(source_of 96x64 f001.tsr)" -frames:v 1 -f null -
refused 'is audio, not a picture' 0 -f lavfi -i "$(source_of 96x64 "$(ls "$golden"/*speech*.tsr | head -1)")" -frames:v 1 -f null -
head -c 300 f001.tsr >cut.tsr
refused 'tessera: cut.tsr: ' 0 -f lavfi -i "$(source_of 96x65 cut.tsr)" -frames:v 1 -f null -
refused 'tessera: ' 0 -f lavfi -i "$(source_of 96x65 opaque.png)" -frames:v 1 -f null -
echo "frei0r: filter and source work in $(ffmpeg -version | head -1)"
