#!/usr/bin/env bash
# figures.sh PATCHED PREFIX IN.mp4 PHOTO.png: a table of times, for commands.sh. PATCHED: ffmpeg with the series; PREFIX: Tessera's tree.
#
# What is compared runs in turns, five times, each program on one core, and the fastest of the five counts: user and system time, which other
# work on the machine disturbs least, and the time on the clock beside it. The cost of the frames behind the first few is the difference of a long
# and a short run, so that nothing of what a process does once is in it; that of the filter is less the same run without the filter.
set -euo pipefail

patched=$1 prefix=$2 video=$(readlink -f "$3") photo=$(readlink -f "$4")
export FREI0R_PATH=$prefix/lib/frei0r-1 PATH=$prefix/bin:$PATH
unset TESSERA_WEIGHTS
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
turns=${TESSERA_TURNS:-5}

# run NAME COMMAND...: NAME.times gets a line: CPU seconds, seconds on the clock.
run() {
  local name=$1 TIMEFORMAT='%U %S %R'
  shift
  { time taskset -c "${TESSERA_CORE:-0}" "$@" >run.log 2>&1 </dev/null || { echo "figures: $* : $(tail -n 3 run.log)" >&2; exit 1; }; } 2>&1 |
    awk 'NF == 3 && /^[0-9. ]+$/ {print $1 + $2, $3; next} {print >"/dev/stderr"}' >>"$name.times"
}
# cost NAME...: fastest CPU and clock time of a sum of runs, in which -NAME is subtracted: "CPU CLOCK".
cost() {
  local name
  for name in "$@"; do
    awk -v sign="$([[ $name == -* ]] && echo -1 || echo 1)" 'NR == 1 || $1 < cpu {cpu = $1} NR == 1 || $2 < clock {clock = $2} END {print sign * cpu, sign * clock}' "${name#-}.times"
  done | awk '{cpu += $1; clock += $2} END {print cpu, clock}'
}
# compare WHAT WITH FRAMES "COST OF THE FILTER" "COST OF THE TOOL"
compare() {
  awk -v what="$1" -v with="$2" -v n="$3" -v f="$4" -v t="$5" 'BEGIN {
    split(f, filter); split(t, tool)
    printf "| %s, against %s | +5 %% |", what, with
    for (i = 1; i <= 2; ++i) printf " %.1f ms, %.1f ms: %+.1f %% |", 1000 * filter[i] / n, 1000 * tool[i] / n, 100 * (filter[i] / tool[i] - 1)
    print ""}'
}

plugins=("$prefix"/lib/{frei0r-1,lv2/tessera.lv2,tessera-plugins}/*.so)
shown=$(nm -DC "${plugins[@]}" | grep -cE 'torch|at::|c10::' || true)
echo "Symbols of libtorch that the ${#plugins[@]} files of the plugins define or ask for: $shown (asked: none)."
echo
echo "| figure | asked | CPU time | time on the clock |"
echo "|---|---|---|---|"

small=(ffmpeg -f lavfi -i color=size=64x64 -frames:v 1)
for ((turn = 0; turn < turns; ++turn)); do
  run host "${small[@]}" -f null -
  run loaded "${small[@]}" -vf frei0r=tessera:0.4 -f null -
done
awk -v c="$(cost loaded -host)" 'BEGIN {split(c, cost); printf "| plugin in Debian'"'"'s ffmpeg: loading it and coding one picture of 64 x 64 | 0.7 s | %.2f s | %.2f s |\n", cost[1], cost[2]}'

ffmpeg -y -loglevel error -loop 1 -i "$photo" -frames:v 7 -c:v png still.nut
for ((turn = 0; turn < turns; ++turn)); do
  for count in 3 7; do
    run bench$count tessera bench "$photo" -q 25 --repeat $((count - 2))
    run filter$count ffmpeg -i still.nut -frames:v $count -vf "frei0r=tessera:0.4||n|still" -f null -
    run host$count ffmpeg -i still.nut -frames:v $count -f null -
  done
done
compare 'frei0r filter, a still image' '`tessera bench`, which encodes and decodes' 4 "$(cost filter7 -filter3 -host7 host3)" "$(cost bench7 -bench3)"

if ls "$prefix"/share/tessera/weights/motion*.safetensors >/dev/null 2>&1; then
  for count in 4 20; do "$patched" -y -loglevel error -i "$video" -frames:v $count -f yuv4mpegpipe clip$count.y4m; done
  # The same pictures come out of both, so it is the same work.
  tessera encode clip20.y4m 20.tsr -q 25 --quiet
  tessera decode 20.tsr tool.y4m --quiet
  "$patched" -y -loglevel error -i clip20.y4m -vf tessera=quality=25 -f framemd5 filter.md5
  "$patched" -y -loglevel error -i tool.y4m -f framemd5 tool.md5
  cmp <(grep -v '^#' filter.md5) <(grep -v '^#' tool.md5) || { echo "figures: the filter shows other frames than the tool" >&2; exit 1; }
  for ((turn = 0; turn < turns; ++turn)); do
    for count in 4 20; do
      run encode$count tessera encode clip$count.y4m $count.tsr -q 25 --force
      run decode$count tessera decode $count.tsr tool.y4m --force
      run patched$count "$patched" -i clip$count.y4m -vf tessera=quality=25 -f null -
      run plain$count "$patched" -i clip$count.y4m -f null -
      run frei0r$count ffmpeg -i clip$count.y4m -vf frei0r=tessera:0.4 -f null -
      run debian$count ffmpeg -i clip$count.y4m -f null -
    done
  done
  tool=$(cost encode20 decode20 -encode4 -decode4)
  compare 'filter `tessera` of the series, a frame of video' '`tessera encode` and `decode`' 16 "$(cost patched20 -patched4 -plain20 plain4)" "$tool"
  compare 'frei0r filter, a frame of video, its changes between RGB and 4:2:0 included' '`tessera encode` and `decode`' 16 \
    "$(cost frei0r20 -frei0r4 -debian20 debian4)" "$tool"
  compare 'filter `tessera`, the whole command for 20 frames (in ms)' 'the two commands' 1 "$(cost patched20)" "$(cost encode20 decode20)"
fi
