#!/usr/bin/env bash
# The exactness matrix of video: streams encoded on each device, their symbols decoded on every device, thread count and instruction set;
# then how far the pictures of two devices drift apart (needs ffmpeg, and cuda).
#   apps/tessera-exactness/video_matrix.sh TESSERA WORKDIR MODEL QUALITY,... [cuda] CLIP...
set -eu
program=$1 work=$2 model=$3 qualities=${4//,/ }
shift 4
cuda=
if [ "$1" = cuda ]; then
  cuda=cuda
  shift
fi
mkdir -p "$work"
bad=0
# checksum STREAM OPTION...: that of all decoded symbols; `verify` fails where a stored one differs.
checksum() { "$program" verify "$@" | sed -n 's/.*checksum \([0-9a-f]*\),.*/\1/p'; }
for clip in "$@"; do
  for quality in $qualities; do
    for device in cpu ${cuda:+cuda}; do
      stream=$work/$(basename "$clip").$model.$quality.$device.tsr
      "$program" encode "$clip" "$stream" --model "$model" -q "$quality" --device "$device" --quiet
      first=$(checksum "$stream" --threads 1) || bad=1
      same="1 thread"
      different=""
      compare() { if [ -n "$first" ] && [ "$2" = "$first" ]; then same+=", $1"; else different+=", $1 ($2)"; bad=1; fi; }
      compare "all threads" "$(checksum "$stream" || true)"
      compare AVX2 "$(TESSERA_SIMD=avx2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 ONEDNN_MAX_CPU_ISA=AVX2 checksum "$stream" || true)"
      compare baseline "$(TESSERA_SIMD=scalar ATEN_CPU_CAPABILITY=default MKL_ENABLE_INSTRUCTIONS=SSE4_2 ONEDNN_MAX_CPU_ISA=SSE41 checksum "$stream" || true)"
      if [ -n "$cuda" ]; then compare cuda "$(checksum "$stream" --device cuda || true)"; fi
      echo "$(basename "$clip") q $quality encoded on $device: $first on $same${different:+; DIFFERENT on ${different#, }}"
      if [ -n "$cuda" ]; then
        "$program" decode "$stream" "$stream.cpu.y4m" --quiet
        "$program" decode "$stream" "$stream.cuda.y4m" --device cuda --quiet
        ffmpeg -v error -i "$stream.cpu.y4m" -i "$stream.cuda.y4m" -lavfi "psnr=stats_file=$stream.drift" -f null - < /dev/null
        echo "  drift, last frame: $(tail -n 1 "$stream.drift" | grep -o 'psnr_avg:[0-9.a-z]*')"
        rm -f "$stream.cpu.y4m" "$stream.cuda.y4m"
      fi
    done
  done
done
exit $bad
