#!/usr/bin/env bash
# figures.sh PATCHED PREFIX IN.mp4 PHOTO.png: a table of times, for commands.sh. PATCHED: ffmpeg with the series; PREFIX: Tessera's tree.
#
# CPU seconds on one core, which other work on the machine disturbs least: what frames 4 to 9 cost, as the difference of two runs, in the
# filter (less the same without the filter) and in the tool. Medians of five.
set -euo pipefail

patched=$1 prefix=$2 video=$(readlink -f "$3") photo=$(readlink -f "$4")
export FREI0R_PATH=$prefix/lib/frei0r-1 PATH=$prefix/bin:$PATH
unset TESSERA_WEIGHTS
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cpu() { local TIMEFORMAT='%U %S'; { time taskset -c 0 "$@" >/dev/null 2>&1 </dev/null; } 2>&1 | awk '{print $1 + $2}'; }
seconds() { local begin=$EPOCHREALTIME; "$@" >/dev/null 2>&1 </dev/null; awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.3f\n", b - a}'; }
less() { awk -v a="$1" -v b="$2" 'BEGIN {print a - b}'; }
five() { for _ in 1 2 3 4 5; do "$@"; done | sort -n | sed -n 3p; }

filter() { less "$(cpu "$@" 9 -f null -)" "$(cpu "$@" 3 -f null -)"; }
stills() { less "$(cpu tessera bench "$photo" -q 25 --repeat 7)" "$(cpu tessera bench "$photo" -q 25 --repeat 1)"; }
frames() {
  awk -v a="$(less "$(cpu tessera encode clip9.y4m 9.tsr -q 25)" "$(cpu tessera encode clip3.y4m 3.tsr -q 25)")" \
    -v b="$(less "$(cpu tessera decode 9.tsr 9.y4m --force)" "$(cpu tessera decode 3.tsr 3.y4m --force)")" 'BEGIN {print a + b}'
}
compare() {  # compare WHAT HOW TOOL FILTERED PLAIN: seconds of 6 frames
  awk -v what="$1" -v how="$2" -v t="$3" -v f="$4" -v p="$5" 'BEGIN {
    printf "| %s: CPU time a frame in the filter, against %s (%.1f ms) | +5 %% | %.1f ms (%+.1f %%) |\n",
      what, how, 1000 * t / 6, 1000 * (f - p) / 6, 100 * ((f - p) / t - 1)}'
}

echo "| figure, with pictures of 640 x 360 | asked | measured |"
echo "|---|---|---|"
plain=$(five seconds ffmpeg -f lavfi -i color=size=64x64 -frames:v 1 -f null -)
loaded=$(five seconds ffmpeg -f lavfi -i color=size=64x64 -frames:v 1 -vf frei0r=tessera:0.4 -f null -)
awk -v a="$plain" -v b="$loaded" 'BEGIN {printf "| frei0r plugin: loading it and coding one picture of 64 x 64 in Debian'"'"'s ffmpeg | 0.7 s | %.2f s |\n", b - a}'

ffmpeg -y -loglevel error -loop 1 -i "$photo" -frames:v 9 -c:v png still.nut
plain=$(five filter ffmpeg -i still.nut -frames:v)
filtered=$(five filter ffmpeg -i still.nut -vf "frei0r=tessera:0.4||n|still" -frames:v)
compare 'frei0r filter, still images' 'encoding and decoding in `tessera bench`' "$(five stills)" "$filtered" "$plain"
if ls "$prefix"/share/tessera/weights/motion*.safetensors >/dev/null 2>&1; then
  for count in 9 3; do "$patched" -y -loglevel error -i "$video" -frames:v $count -f yuv4mpegpipe clip$count.y4m; done
  tool=$(five frames)
  plain=$(five filter "$patched" -i clip9.y4m -frames:v)
  filtered=$(five filter "$patched" -i clip9.y4m -vf tessera=quality=25 -frames:v)
  compare 'filter `tessera` of the patch series, video' '`tessera encode` and `decode`' "$tool" "$filtered" "$plain"
  plain=$(five filter ffmpeg -i clip9.y4m -frames:v)
  filtered=$(five filter ffmpeg -i clip9.y4m -vf frei0r=tessera:0.4 -frames:v)
  compare 'frei0r filter, video, its changes between RGB and 4:2:0 included' '`tessera encode` and `decode`' "$tool" "$filtered" "$plain"
fi
