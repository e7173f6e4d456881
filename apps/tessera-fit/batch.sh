#!/usr/bin/env bash
# Many pictures and qualities at once: several processes of tessera-fit, one table.
#   apps/tessera-fit/batch.sh PROGRAM PACK OUT [JOBS] [options of tessera-fit...]
# Goes on where it stopped. A small picture leaves a GPU half idle: 2 to 4 jobs fill it. At the end OUT/points.csv has all points, and the table
# by quality goes to standard output.
set -eu
program=$1 pack=$2 out=$3 jobs=${4:-2}
shift $(($# < 4 ? $# : 4))
mkdir -p "$out"
pids=()
for ((i = 0; i < jobs; ++i)); do
  "$program" --pack "$pack" --out "$out" --shard "$i/$jobs" "$@" >"$out/job$i.log" 2>&1 &
  pids+=($!)
done
bad=0
for ((i = 0; i < jobs; ++i)); do
  wait "${pids[$i]}" || { bad=1; echo "batch: job $i failed; its last lines:" >&2; tail -n 3 "$out/job$i.log" >&2; }
done
{
  echo picture,quality,steps,bytes,bpp,psnr,encode_s,decode_s,decode_entropy_s,decode_network_s
  cat "$out"/*_s*.csv | sort -t, -k3,3n -k1,1n -k2,2n
} >"$out/points.csv"
awk -F, 'NR > 1 { k = $3 "," $2; n[k]++; b[k] += $5; p[k] += $6; e[k] += $7; d[k] += $8 }
  END { print "steps,quality,pictures,bpp,psnr,encode_s,decode_s"
        for (k in n) printf "%s,%d,%.4f,%.3f,%.1f,%.4f\n", k, n[k], b[k] / n[k], p[k] / n[k], e[k] / n[k], d[k] / n[k] | "sort -t, -k1,1n -k2,2n" }' "$out/points.csv"
exit $bad
