#!/usr/bin/env bash
# Runs the commands of docs/ffmpeg.md and prints a log in Markdown; any of them that fails ends it.
#
#   apps/ffmpeg/commands.sh [SUITE] [--without-figures] > docs/results/ffmpeg.md
#
# TESSERA_SIZE (640x360) in the environment is the size of the pictures, from 324x200. It takes some minutes, and most of them for the figures, which want a machine that does nothing else.
# What is coded is generated. Without weights of a video model the commands for video are left out, and the log says so.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
suite=${1:-bookworm} size=${TESSERA_SIZE:-640x360}
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
tidy() { tr '\r' '\n' | sed -E "s/ @ 0x[0-9a-f]+//; s|$root/||g" | grep -vE '^(frame=|size=)|vendor_id|VENDOR_ID|^ *(Metadata|Side data):' | grep -v '^ *$' || true; }
show() {
  local status=0
  printf '\n```console\n$ %s\n' "$1"
  bash -c "$1" >out.log 2>&1 </dev/null || status=$?
  tidy <out.log | tail -n "${2:-8}"
  printf '```\n'
  # What FFmpeg ends with differs from version to version; from 129 to 159 it is killed by a signal.
  case ${3:-0} in
    fails) if ((status > 0 && (status < 129 || status > 159))); then return; fi ;;
    *) if ((status == ${3:-0})); then return; fi ;;
  esac
  echo "commands: exit status $status: $1: $(cat out.log)" >&2
  exit 1
}
# Two files of frame checksums, compared without their headers and times.
same() {
  cmp <(grep -v '^#' "$1" | sed 's/.*, *//') <(grep -v '^#' "$2" | sed 's/.*, *//') || { echo "commands: $1 and $2 differ" >&2; exit 1; }
  printf '\n%s: %s frames, equal.\n' "$3" "$(grep -vc '^#' "$1")"
}

# against_tool FILE.tsr: frames and samples of a video with sound are those of the tool.
against_tool() {
  tessera decode "$1" tool.y4m --force >/dev/null 2>&1
  tessera decode "$1" tool.mkv --force >/dev/null 2>&1
  ffmpeg-tessera -y -loglevel error -i "$1" -map 0:v -f framemd5 mine.md5 -map 0:a -c:a pcm_s16le -f md5 mine-sound.md5
  ffmpeg-tessera -y -loglevel error -i tool.y4m -f framemd5 tool.md5
  ffmpeg-tessera -y -loglevel error -i tool.mkv -map 0:a -c:a pcm_s16le -f md5 tool-sound.md5
  same mine.md5 tool.md5 "$1 against \`tessera decode\`"
  cmp mine-sound.md5 tool-sound.md5
  printf '\nIts sound: equal.\n'
}

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

ffmpeg -y -loglevel error -f lavfi -i 'mandelbrot=size='"$size"':rate=25' -f lavfi -i "aevalsrc='0.3*sin(2*PI*(200+40*t)*t)*(0.6+0.4*sin(2*PI*3*t))':s=48000" \
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

  printf '\n## Video and sound in one .tsr\n'
  show 'ffmpeg-tessera -hide_banner -i in.mp4 -c:v libtessera -quality 40 -g 25 -c:a libtessera_audio -lookahead 1 both.tsr' 3
  show 'ffprobe-tessera -hide_banner both.tsr'
  show 'tessera info both.tsr' 15
  against_tool both.tsr
  show 'tessera encode in.mp4 tool.tsr --keyint 25 --force --quiet && ffprobe-tessera -hide_banner tool.tsr'
  against_tool tool.tsr
  show 'ffmpeg-tessera -hide_banner -loglevel error -y -i both.tsr -c copy both.mkv && ffmpeg-tessera -hide_banner -loglevel error -y -i both.mkv -c copy again.tsr'
  cmp both.tsr again.tsr
  printf '\nboth.tsr and again.tsr: the same bytes.\n'
  show 'ffmpeg-tessera -hide_banner -i both.tsr -c:v mpeg4 -c:a aac -y both.mp4' 3
  show 'ffmpeg-tessera -hide_banner -i both.tsr -an -c copy -y silent.tsr' 3
  show 'ffmpeg-tessera -hide_banner -loglevel error -i pipe:0 -map 0:v -f framemd5 pipe.md5 -map 0:a -c:a pcm_s16le -f md5 pipe-sound.md5 <both.tsr'
  ffmpeg-tessera -y -loglevel error -i both.tsr -map 0:v -f framemd5 file.md5 -map 0:a -c:a pcm_s16le -f md5 file-sound.md5
  cmp pipe-sound.md5 file-sound.md5
  same pipe.md5 file.md5 'From a pipe against from the file'
  show 'ffmpeg-tessera -hide_banner -loglevel error -y -ss 2.4 -i both.tsr -map 0:v -f framemd5 seek.md5 -map 0:a -c:a pcm_f32le -f f32le seek.pcm'
  grep -v '^#' file.md5 | tail -n 40 >tail.md5
  same seek.md5 tail.md5 'Against the frames from number 60 on'
  ffmpeg-tessera -y -loglevel error -i both.tsr -map 0:a -c:a pcm_f32le -f f32le file.pcm
  cmp seek.pcm <(tail -c +$((4 * 48000 * 24 / 10 + 1)) file.pcm)
  printf '\nThe samples from number %d on: %d, equal.\n' $((48000 * 24 / 10)) $(($(stat -c %s seek.pcm) / 4))

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
show 'ffmpeg -hide_banner -loglevel warning -f lavfi -i frei0r_src=size='"$size"':filter_name=tessera_src:filter_params=photo.tsr -frames:v 1 -update 1 played.png'
ffmpeg-tessera -y -loglevel error -i played.png -pix_fmt rgb24 -f framemd5 played.md5
ffmpeg-tessera -y -loglevel error -i back.png -f framemd5 back.md5
same played.md5 back.md5 'Against the patched decoder'
if [[ $video == 1 ]]; then
  show 'ffmpeg -hide_banner -loglevel warning -i in.mp4 -an -vf "frei0r=tessera:0.6|kept.tsr" -f null - && tessera info kept.tsr' 20
  show 'ffmpeg -hide_banner -loglevel warning -f lavfi -i frei0r_src=size='"$size"':framerate=25:filter_name=tessera_src:filter_params=kept.tsr -t 4 -c:v mpeg4 -y played.mkv'
fi
show 'ffmpeg -hide_banner -loglevel warning -i in.mp4 -vn -ac 1 -af '"'lv2=p=urn\\\\:tessera\\\\:speech:c=kbps=6'"' speech.wav'
show 'ffmpeg -hide_banner -loglevel warning -i in.mp4 -vn -ac 2 -af '"'lv2=p=urn\\\\:tessera\\\\:sound'"' sound2.wav'

# --- bad input: FFmpeg ends, or goes on, as it does with any codec, and its log has our sentence ---------------------------------------------

# bad SENTENCE COMMAND [STATUS]
bad() {
  show "$2" 12 "${3:-fails}"
  tidy <out.log | grep -qF "$1" || { echo "commands: the log has no \"$1\": $2: $(cat out.log)" >&2; exit 1; }
}
ffmpeg -y -loglevel error -f lavfi -i testsrc2=size=64x48:rate=5 -frames:v 2 -c:v png small.nut
ffmpeg -y -loglevel error -f lavfi -i testsrc2=size=96x64:rate=5 -frames:v 2 -c:v png large.nut
printf 'file %s\n' large.nut small.nut >both
quiet='-hide_banner -loglevel error -y'
# The option's form in the version at hand.
noscale='-autoscale 0'
if [[ $suite == sid ]]; then noscale=-noautoscale; fi

printf '\n## Bad input\n'
printf '\n### Missing weights\n'
bad 'model "still" is not installed in /nowhere' "ffmpeg-tessera $quiet -i photo.png -weights /nowhere none.tsr"
bad 'is not installed in /nowhere' "ffmpeg-tessera $quiet -weights /nowhere -i photo.tsr -f null -"
bad 'is not installed in /nowhere' "ffmpeg-tessera $quiet -i in.mp4 -vn -weights /nowhere none.tsr"
bad 'is not installed in /nowhere' "ffmpeg-tessera $quiet -weights /nowhere -i sound.tsr -f null -"
bad 'is not installed in /nowhere' "ffmpeg-tessera $quiet -i photo.png -vf tessera=model=still:weights=/nowhere -f null -"
bad 'tessera: model "still" is not installed in /nowhere' "TESSERA_WEIGHTS=/nowhere ffmpeg $quiet -i photo.png -vf frei0r=tessera:0.4 -f null -"
bad 'tessera: model "speech' "TESSERA_WEIGHTS=/nowhere ffmpeg $quiet -i in.mp4 -vn -ac 1 -af 'lv2=p=urn\\\\:tessera\\\\:speech' -f null -"
if [[ $video == 1 ]]; then
  bad 'is not installed in /nowhere' "ffmpeg-tessera $quiet -weights /nowhere -i out.tsr -f null -"
fi

printf '\n### A wrong parameter\n'
bad 'out of range' "ffmpeg-tessera $quiet -i photo.png -quality 64 none.tsr"
bad 'model "nothing" is not installed' "ffmpeg-tessera $quiet -i photo.png -model nothing none.tsr"
bad 'works from' "ffmpeg-tessera $quiet -i in.mp4 -vn -b:a 100 none.tsr"
bad 'out of range' "ffmpeg-tessera $quiet -i photo.png -vf tessera=model=still:quality=99 -f null -"
bad "Invalid value 'high' for parameter 'quality'" "ffmpeg $quiet -i photo.png -vf frei0r=tessera:high -f null -"
bad 'tessera: the quality lies between 0 and 1, not at 1.5' "ffmpeg $quiet -i photo.png -vf frei0r=tessera:1.5 -f null -" 0
bad 'tessera: model "nothing" is not installed' "ffmpeg $quiet -i photo.png -vf 'frei0r=tessera:0.4|none.tsr|n|nothing' -f null -" 0
bad 'tessera: model speech' "ffmpeg $quiet -i in.mp4 -vn -ac 1 -af 'lv2=p=urn\\\\:tessera\\\\:speech:c=kbps=0.01' -f null -" 0
bad 'tessera: nothing.tsr cannot be read' "ffmpeg $quiet -f lavfi -i frei0r_src=size=96x64:filter_name=tessera_src:filter_params=nothing.tsr -frames:v 1 -f null -" 0

printf '\n### An unknown pixel format\n'
bad 'nonsense' "ffmpeg-tessera $quiet -i photo.png -pix_fmt nonsense none.tsr"
show "ffmpeg-tessera $quiet -i photo.png -pix_fmt +yuv444p none.tsr" 8 fails
if [[ $video == 1 ]]; then
  # A header that says 4:4:4, its checksum right.
  python3 - <<'CODE'
import binascii
stream = bytearray(open("out.tsr", "rb").read())
end = stream[4] - 2
stream[end - 1] |= 3
stream[end:end + 2] = binascii.crc_hqx(bytes(stream[:end]), 0xFFFF).to_bytes(2, "little")
open("chroma.tsr", "wb").write(stream)
CODE
  bad '4:2:0' "ffmpeg-tessera $quiet -i chroma.tsr -f null -"
fi
bad 'a width that is a multiple of 4' "ffmpeg $quiet -i photo.png -vf crop=322:200,frei0r=tessera:0.4 -f null -"

printf '\n### Streams that do not belong together\n'
bad 'one video, or one sound, or one of each' "ffmpeg-tessera $quiet -i in.mp4 -map 0:a -map 0:a -c:a libtessera_audio none.tsr"
bad 'Pictures have no sound' "ffmpeg-tessera $quiet -i in.mp4 -pix_fmt rgb24 none.tsr"

printf '\n### The size changes in mid-stream\n'
if [[ $video == 1 ]]; then
  bad "The picture's size changes from 96x64 to 64x48: a stream has one size." \
    "ffmpeg-tessera $quiet -f concat -i both -pix_fmt yuv420p $noscale none.tsr"
  show "ffmpeg-tessera $quiet -i large.nut -pix_fmt yuv420p large.tsr && ffmpeg-tessera $quiet -i small.nut -pix_fmt yuv420p small.tsr"
  printf 'file %s\n' large.tsr small.tsr >streams
  bad 'libtessera' "ffmpeg-tessera $quiet -f concat -i streams -f framemd5 -" 0
  # A filter begins anew.
  show "ffmpeg-tessera $quiet -f concat -i both -vf format=yuv420p,tessera $noscale -f framemd5 -"
  show "ffmpeg $quiet -f concat -i both -vf frei0r=tessera:0.4 -autoscale 0 -c:v rawvideo -f framemd5 -"
fi
show "ffmpeg $quiet -f concat -i both -vf 'frei0r=tessera:0.4||n|still' -autoscale 0 -c:v rawvideo -f framemd5 -"

printf '\n### Packets that are cut off\n'
bad '[libtessera] packet: ' "head -c 2000 photo.tsr > cut.tsr; ffmpeg-tessera $quiet -i cut.tsr -f null -"
bad 'tessera: cut.tsr: ' "ffmpeg $quiet -f lavfi -i frei0r_src=size=$size:filter_name=tessera_src:filter_params=cut.tsr -frames:v 1 -f null -" 0
bad 'The stream is damaged or cut off at byte' "head -c 1500 sound.tsr > cut.tsr; ffmpeg-tessera $quiet -i cut.tsr -f null -" 0
if [[ $video == 1 ]]; then
  bad 'The stream is damaged or cut off at byte' "head -c 20000 out.tsr > cut.tsr; ffmpeg-tessera $quiet -i cut.tsr -f null -" 0
  # A key packet that is damaged: what depends on it is concealed as by the tool.
  cp out.tsr damaged.tsr
  at=$(ffprobe-tessera -v error -show_entries packet=pos,flags -of csv=p=0 out.tsr | awk -F, '/K/ {print $1}' | sed -n 3p)
  printf damage | dd of=damaged.tsr bs=1 seek=$((at + 100)) conv=notrunc status=none
  bad 'checksum mismatch' "ffmpeg-tessera $quiet -i damaged.tsr -f framemd5 damaged.md5" 0
  tessera decode damaged.tsr tool.y4m >/dev/null 2>&1 || true
  ffmpeg-tessera -y -loglevel error -i tool.y4m -f framemd5 tool.md5
  same damaged.md5 tool.md5 'Against `tessera decode`, which conceals as well'
  bad 'tessera: ' "ffmpeg $quiet -f lavfi -i frei0r_src=size=$size:filter_name=tessera_src:filter_params=cut.tsr -frames:v 9 -f null -" 0
  show "ffmpeg-tessera $quiet -i out.tsr -c copy out.avi"
  bad '[libtessera] ' "head -c 40000 out.avi > cut.avi; ffmpeg-tessera $quiet -i cut.avi -f null -" 0
  show "head -c 40000 out.mkv > cut.mkv; ffmpeg-tessera $quiet -i cut.mkv -f null -"
fi

if [[ $video == 1 ]]; then
  # Where the pieces of sound lie, the first with the header of the sound.
  mapfile -t pieces < <(ffprobe-tessera -v error -select_streams a -show_entries packet=pos -of csv=p=0 both.tsr | tr -d , | sort -nu)
  header=$(od -An -tu1 -j4 -N1 both.tsr | tr -d ' ')
  printf '\n### Sound that is damaged: no frame is lost\n'
  cp both.tsr hurt.tsr
  printf damage | dd of=hurt.tsr bs=1 seek=$((pieces[2] + 100)) conv=notrunc status=none
  bad 'The stream is damaged or cut off at byte' "ffmpeg-tessera $quiet -i hurt.tsr -map 0:v -f framemd5 hurt.md5 -map 0:a -f null -" 0
  same hurt.md5 file.md5 'A piece that is damaged, against the whole file'
  against_tool_damaged() {
    tessera decode hurt.tsr tool.mkv --force >/dev/null 2>&1 || true
    ffmpeg-tessera -y -loglevel quiet -i hurt.tsr -map 0:a -c:a pcm_s16le -f md5 mine-sound.md5
    ffmpeg-tessera -y -loglevel error -i tool.mkv -map 0:a -c:a pcm_s16le -f md5 tool-sound.md5
    cmp mine-sound.md5 tool-sound.md5
    printf '\nIts sound against `tessera decode`: equal.\n'
  }
  against_tool_damaged
  bad 'The stream is damaged or cut off at byte' "head -c $((pieces[3] + 300)) both.tsr > hurt.tsr; ffmpeg-tessera $quiet -i hurt.tsr -map 0:v -f framemd5 hurt.md5 -map 0:a -f null -" 0
  tessera decode hurt.tsr tool.y4m --force >/dev/null 2>&1 || true
  ffmpeg-tessera -y -loglevel error -i tool.y4m -f framemd5 tool.md5
  same hurt.md5 tool.md5 'Cut off in a piece, against `tessera decode`'
  against_tool_damaged
  cp both.tsr hurt.tsr
  printf damage | dd of=hurt.tsr bs=1 seek=$((header + 10)) conv=notrunc status=none
  bad "The sound's header is missing or damaged" "ffmpeg-tessera -hide_banner -loglevel warning -y -i hurt.tsr -f framemd5 hurt.md5" 0
  same hurt.md5 file.md5 'A header of the sound that is damaged, against the whole file'
  # Without the piece that has it.
  { head -c "$header" both.tsr; tail -c +$(($(ffprobe-tessera -v error -select_streams v -show_entries packet=pos -of csv=p=0 both.tsr | head -1 | tr -d ,) + 1)) both.tsr; } >hurt.tsr
  bad 'Sound without a header' "ffmpeg-tessera -hide_banner -loglevel warning -y -i hurt.tsr -f framemd5 hurt.md5" 0
  same hurt.md5 file.md5 'No header of the sound, against the whole file'
fi

printf '\n### Closed in mid-stream\n'
show "ffmpeg-tessera $quiet -i sound.tsr -frames:a 3 -f md5 -"
if [[ $video == 1 ]]; then
  show "ffmpeg-tessera $quiet -i out.mkv -frames:v 3 -map 0:v -f framemd5 -"
  show "ffmpeg-tessera $quiet -i in.mp4 -frames:v 3 -an -pix_fmt yuv420p none.tsr"
  show "ffmpeg-tessera $quiet -i out.mkv -map 0:v -f rawvideo - | head -c 1000 | wc -c"
  show "ffmpeg $quiet -f lavfi -i frei0r_src=size=$size:filter_name=tessera_src:filter_params=kept.tsr -frames:v 3 -c:v rawvideo -f framemd5 -"
fi

if [[ ${2:-} != --without-figures ]]; then
  printf '\n## Figures\n\n'
  "$root/apps/ffmpeg/figures.sh" "$patched" "$prefix" in.mp4 photo.png
fi
