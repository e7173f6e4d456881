#!/usr/bin/env bash
# Runs the commands of docs/ffmpeg.md and prints a log in Markdown; any of them that fails ends it.
#
#   apps/ffmpeg/commands.sh [SUITE] > docs/results/ffmpeg.md
#
# What is coded is generated. Without weights of a video model the commands for video are left out, and the log says so.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
suite=${1:-bookworm}
patched=$("$root/apps/ffmpeg/patched.sh" build "$suite")
prefix=$root/build-ffmpeg/tessera
unset TESSERA_WEIGHTS
export FREI0R_PATH=$prefix/lib/frei0r-1 LV2_PATH=$prefix/lib/lv2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
# The patched programs come first by name only where the command means them.
mkdir bin
ln -s "$patched" bin/ffmpeg-tessera
ln -s "${patched%/*}/ffprobe" bin/ffprobe-tessera
PATH=$folder/bin:$prefix/bin:$PATH

# Banners, progress and what differs from run to run stay away.
tidy() { tr '\r' '\n' | sed -E 's/ @ 0x[0-9a-f]+//' | grep -vE '^(frame=|size=)|vendor_id|VENDOR_ID|^ *(Metadata|Side data):' | grep -v '^ *$' || true; }
show() {
  local status=0
  printf '\n```console\n$ %s\n' "$1"
  bash -c "$1" >out.log 2>&1 </dev/null || status=$?
  tidy <out.log | tail -n "${2:-8}"
  printf '```\n'
  if [[ $status != "${3:-0}" ]]; then echo "commands: exit status $status: $1" >&2; exit 1; fi
}
# Two files of frame checksums, compared without their headers and times.
same() {
  cmp <(grep -v '^#' "$1" | sed 's/.*, *//') <(grep -v '^#' "$2" | sed 's/.*, *//') || { echo "commands: $1 and $2 differ" >&2; exit 1; }
  printf '\n%s: %s frames, equal.\n' "$3" "$(grep -vc '^#' "$1")"
}
seconds() { local begin=$EPOCHREALTIME; "$@" >/dev/null 2>&1 </dev/null; awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.3f", b - a}'; }
# The median of five runs.
median() { for _ in 1 2 3 4 5; do seconds "$@"; echo; done | sort -n | sed -n 3p; }

cat <<TEXT
# FFmpeg: a run of the commands

Made by \`apps/ffmpeg/commands.sh $suite\` on $(nproc) cores of $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1). \`ffmpeg-tessera\` and
\`ffprobe-tessera\` are FFmpeg $("$patched" -version | sed -n '1s/ffmpeg version \([^ ]*\).*/\1/p') with the patch series, \`ffmpeg\` and \`ffprobe\` Debian's $(ffmpeg -version | sed -n '1s/ffmpeg version \([^ ]*\).*/\1/p').
TEXT
video=1
if ! ls "$prefix"/share/tessera/weights/motion*.safetensors >/dev/null 2>&1; then
  video=0
  printf '\nNo weights of a video model are installed: without video.\n'
fi

ffmpeg -y -loglevel error -f lavfi -i 'mandelbrot=size=640x360:rate=25' -f lavfi -i "aevalsrc='0.3*sin(2*PI*(200+40*t)*t)*(0.6+0.4*sin(2*PI*3*t))':s=48000" \
  -t 4 -c:v mpeg4 -q:v 2 -c:a aac in.mp4
ffmpeg -y -loglevel error -ss 2 -i in.mp4 -frames:v 1 -update 1 photo.png

printf '\n## Pictures\n'
show 'ffmpeg-tessera -hide_banner -i photo.png photo.tsr' 4
show 'ffprobe-tessera -hide_banner photo.tsr'
show 'ffmpeg-tessera -hide_banner -i photo.tsr -update 1 back.png' 3
ffmpeg-tessera -y -loglevel error -i back.png -f framemd5 back.md5
tessera decode photo.tsr tool.png >/dev/null 2>&1
ffmpeg-tessera -y -loglevel error -i tool.png -f framemd5 tool.md5
same back.md5 tool.md5 'Against `tessera decode`'

printf '\n## Sound\n'
show 'ffmpeg-tessera -hide_banner -i in.mp4 -vn -ar 24000 -ac 1 -b:a 6k sound.tsr' 3
show 'ffmpeg-tessera -hide_banner -i sound.tsr -c:a pcm_s16le sound.wav' 3
tessera decode sound.tsr tool.wav >/dev/null 2>&1
ffmpeg-tessera -y -loglevel error -i sound.wav -f md5 sound.md5
ffmpeg-tessera -y -loglevel error -i tool.wav -f md5 tool.md5
cmp sound.md5 tool.md5
printf '\nAgainst `tessera decode`: equal.\n'

if [[ $video == 1 ]]; then
  printf '\n## Video and sound in Matroska\n'
  show 'ffmpeg-tessera -hide_banner -i in.mp4 -c:v libtessera -quality 40 -g 25 -c:a libtessera_audio -b:a 6k out.mkv' 3
  show 'ffprobe-tessera -hide_banner out.mkv'
  show 'ffmpeg-tessera -hide_banner -i out.mkv -f null -' 3
  show 'ffmpeg-tessera -hide_banner -y -i out.mkv -map 0:v -c copy out.tsr' 3
  tessera decode out.tsr tool.y4m >/dev/null 2>&1
  ffmpeg-tessera -y -loglevel error -i out.mkv -map 0:v -f framemd5 mkv.md5
  ffmpeg-tessera -y -loglevel error -i tool.y4m -f framemd5 tool.md5
  same mkv.md5 tool.md5 'Against `tessera decode`'

  printf '\n### Seeking\n'
  show 'ffmpeg-tessera -hide_banner -loglevel error -ss 2.4 -i out.mkv -map 0:v -f framemd5 seek.md5'
  grep -v '^#' mkv.md5 | tail -n 40 >tail.md5
  same seek.md5 tail.md5 'Against the frames from number 60 on'

  printf '\n### Cutting in an FFmpeg that knows nothing of Tessera\n'
  show 'ffprobe -hide_banner out.mkv'
  show 'ffmpeg -hide_banner -loglevel error -ss 2 -i out.mkv -c copy cut.nut'
  show 'ffmpeg -hide_banner -loglevel error -ss 2 -i out.mkv -an -c copy cut.mkv'
  show 'ffmpeg-tessera -hide_banner -i cut.nut -f null -' 3
  grep -v '^#' mkv.md5 | tail -n 50 >tail.md5
  for cut in cut.nut cut.mkv; do
    ffmpeg-tessera -y -loglevel error -i $cut -map 0:v -f framemd5 cut.md5
    same cut.md5 tail.md5 "$cut against the frames from number 50 on"
  done

  printf '\n## The filter\n'
  show "ffmpeg-tessera -hide_banner -loglevel error -i in.mp4 -an -vf tessera=quality=40,metadata=print:file=bits.txt -f framemd5 filter.md5; head -4 bits.txt"
  ffmpeg-tessera -y -loglevel error -i in.mp4 -an -quality 40 whole.tsr
  ffmpeg-tessera -y -loglevel error -i whole.tsr -f framemd5 whole.md5
  same filter.md5 whole.md5 'Against encoder and decoder'
fi
show "ffmpeg-tessera -hide_banner -loglevel error -i photo.png -vf tessera=model=still:quality=20 -update 1 preview.png"

printf '\n## Plugins in Debian'"'"'s FFmpeg\n'
show 'ffmpeg -hide_banner -loglevel warning -i photo.png -vf "frei0r=tessera:0.4||y|still" -update 1 small.png'
show 'ffmpeg -hide_banner -loglevel warning -i photo.png -vf "frei0r=tessera:0.4|kept.tsr|n|still" -f null - && tessera info kept.tsr' 20
show 'ffmpeg -hide_banner -loglevel warning -f lavfi -i frei0r_src=size=640x360:filter_name=tessera_src:filter_params=photo.tsr -frames:v 1 -update 1 played.png'
ffmpeg-tessera -y -loglevel error -i played.png -pix_fmt rgb24 -f framemd5 played.md5
ffmpeg-tessera -y -loglevel error -i back.png -f framemd5 back.md5
same played.md5 back.md5 'Against the patched decoder'
if [[ $video == 1 ]]; then
  show 'ffmpeg -hide_banner -loglevel warning -i in.mp4 -an -vf "frei0r=tessera:0.6|kept.tsr" -f null - && tessera info kept.tsr' 20
  show 'ffmpeg -hide_banner -loglevel warning -f lavfi -i frei0r_src=size=640x360:framerate=25:filter_name=tessera_src:filter_params=kept.tsr -t 4 -c:v mpeg4 -y played.mkv'
fi
show 'ffmpeg -hide_banner -loglevel warning -i in.mp4 -vn -ac 1 -af '"'lv2=p=urn\\\\:tessera\\\\:speech:c=kbps=6'"' speech.wav'
show 'ffmpeg -hide_banner -loglevel warning -i in.mp4 -vn -ac 2 -af '"'lv2=p=urn\\\\:tessera\\\\:sound'"' sound2.wav'

printf '\n## Bad input\n'
show 'ffmpeg-tessera -hide_banner -loglevel error -i photo.png -weights /nowhere none.tsr' 8 1
show 'ffmpeg-tessera -hide_banner -loglevel error -i photo.png -quality 64 none1.tsr' 8 1
show 'head -c 2000 photo.tsr > cut.tsr; ffmpeg-tessera -hide_banner -loglevel error -i cut.tsr -f null -' 8 1
show 'ffmpeg-tessera -hide_banner -loglevel error -i in.mp4 -vn -b:a 100 none2.tsr' 8 1
show 'TESSERA_WEIGHTS=/nowhere ffmpeg -hide_banner -loglevel error -i photo.png -vf frei0r=tessera:0.4 -f null -' 8 1
show 'ffmpeg -hide_banner -loglevel error -i photo.png -vf crop=322:200,frei0r=tessera:0.4 -f null -' 8 1
show 'ffmpeg -hide_banner -loglevel error -i photo.png -vf "frei0r=tessera:0.4|none.tsr|n|nothing" -f null -'
if [[ $video == 1 ]]; then
  show 'head -c 20000 out.tsr > cut.tsr; ffmpeg-tessera -hide_banner -loglevel error -i cut.tsr -f null -'
fi

printf '\n## Figures\n\n'
empty=$(median ffmpeg -f lavfi -i color=size=64x64 -frames:v 1 -f null -)
loaded=$(median ffmpeg -f lavfi -i color=size=64x64 -frames:v 1 -vf frei0r=tessera:0.4 -f null -)
echo "| figure | asked | measured |"
echo "|---|---|---|"
awk -v a="$empty" -v b="$loaded" 'BEGIN {printf "| plugin in Debian'"'"'s ffmpeg: the run with it, one picture of 64 x 64, less the run without it | 0.7 s | %.2f s |\n", b - a}'
# CPU seconds on one core, which other work on the machine disturbs least: a run with 9 frames less one with 3, with the filter and
# without, and as many repetitions of `tessera bench`. Medians of three.
cpu() { local TIMEFORMAT='%U %S'; { time taskset -c 0 "$@" >/dev/null 2>&1 </dev/null; } 2>&1 | awk '{print $1 + $2}'; }
less() { awk -v a="$1" -v b="$2" 'BEGIN {print a - b}'; }
three() { for _ in 1 2 3; do "$@"; done | sort -n | sed -n 2p; }
runs() { less "$(cpu "$@" 9 -f null -)" "$(cpu "$@" 3 -f null -)"; }
bench() { less "$(cpu tessera bench "$1" -q 25 --repeat "$2")" "$(cpu tessera bench "$1" -q 25 --repeat 1)"; }
compare() {  # compare WHAT TOOL FILTERED PLAIN: seconds of 6 frames
  awk -v what="$1" -v t="$2" -v f="$3" -v p="$4" 'BEGIN {
    printf "| %s, CPU time a frame of 640 x 360 on one core: encoding and decoding in `tessera bench` %.1f ms, in the filter %.1f ms | +5 %% | %+.1f %% |\n",
      what, 1000 * t / 6, 1000 * (f - p) / 6, 100 * ((f - p) / t - 1)}'
}
ffmpeg -y -loglevel error -loop 1 -i photo.png -frames:v 9 -c:v png still.nut
plain=$(three runs ffmpeg -i still.nut -frames:v)
filtered=$(three runs ffmpeg -i still.nut -vf "frei0r=tessera:0.4||n|still" -frames:v)
compare 'frei0r filter, still images' "$(three bench photo.png 7)" "$filtered" "$plain"
if [[ $video == 1 ]]; then
  ffmpeg-tessera -y -loglevel error -i in.mp4 -frames:v 6 -f yuv4mpegpipe clip.y4m
  plain=$(three runs ffmpeg-tessera -i in.mp4 -an -frames:v)
  filtered=$(three runs ffmpeg-tessera -i in.mp4 -an -vf tessera=quality=25 -frames:v)
  tool=$(three bench clip.y4m 2)
  compare 'filter `tessera` of the patch series, video' "$tool" "$filtered" "$plain"
  filtered=$(three runs ffmpeg -i in.mp4 -an -vf "frei0r=tessera:0.4" -frames:v)
  compare 'frei0r filter, video, its changes between RGB and 4:2:0 included' "$tool" "$filtered" "$plain"
fi
