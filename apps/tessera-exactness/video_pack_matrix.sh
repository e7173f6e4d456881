#!/usr/bin/env bash
# The exactness matrix of video without FFmpeg, on a video pack: streams encoded on each device, their symbols decoded on every device, thread count and
# instruction set; with cuda also how far the pictures of CPU and GPU differ at the end of 300 frames behind one key frame.
#   apps/tessera-exactness/video_pack_matrix.sh PROGRAM PACK WORKDIR MODEL QUALITY,... FRAMES [cuda [DRIFT_QUALITY,...]]
set -eu
program=$1 pack=$2 work=$3 model=$4 qualities=$5 frames=$6 cuda=${7:-} drift=${8:-32}
mkdir -p "$work"
bad=0
for encode in cpu ${cuda:+cuda}; do
  folder=$work/$model.$encode
  "$program" video-encode --pack "$pack" --out "$folder" --device "$encode" --model "$model" --qualities "$qualities" --frames "$frames"
  "$program" video-check "$folder" || bad=1
  "$program" video-check "$folder" --threads 1 || bad=1
  "$program" video-check "$folder" --threads 2 || bad=1
  echo "  AVX2 only:"
  TESSERA_SIMD=avx2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 ONEDNN_MAX_CPU_ISA=AVX2 "$program" video-check "$folder" || bad=1
  echo "  scalar coder, baseline kernels:"
  TESSERA_SIMD=scalar ATEN_CPU_CAPABILITY=default MKL_ENABLE_INSTRUCTIONS=SSE4_2 ONEDNN_MAX_CPU_ISA=SSE41 "$program" video-check "$folder" || bad=1
  if [ -n "$cuda" ]; then "$program" video-check "$folder" --device cuda || bad=1; fi
done
if [ -n "$cuda" ]; then
  "$program" video-encode --pack "$pack" --out "$work/$model.long" --device cuda --model "$model" --qualities "$drift" --frames 300 --repeat-clip
  "$program" video-drift "$work/$model.long" || bad=1
fi
exit $bad
