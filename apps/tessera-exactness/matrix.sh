#!/usr/bin/env bash
# The exactness matrix: streams encoded on each device, decoded on every device, thread count and instruction set.
#   apps/tessera-exactness/matrix.sh PROGRAM PACK WORKDIR [cuda] [LIMIT]
set -eu
program=$1 pack=$2 work=$3 cuda=${4:-} limit=${5:-0}
devices="cpu${cuda:+ cuda}"
mkdir -p "$work"
bad=0
for encode in $devices; do
  "$program" encode --pack "$pack" --out "$work/$encode" --device "$encode" --limit "$limit"
  "$program" check "$work/$encode" --keep --threads 0 || bad=1
  echo "  one thread:"; "$program" check "$work/$encode" --threads 1 || bad=1
  echo "  two threads:"; "$program" check "$work/$encode" --threads 2 || bad=1
  echo "  AVX2 only:"
  TESSERA_SIMD=avx2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 ONEDNN_MAX_CPU_ISA=AVX2 \
    "$program" check "$work/$encode" --compare || bad=1
  echo "  scalar coder, baseline kernels:"
  TESSERA_SIMD=scalar ATEN_CPU_CAPABILITY=default MKL_ENABLE_INSTRUCTIONS=SSE4_2 ONEDNN_MAX_CPU_ISA=SSE41 \
    "$program" check "$work/$encode" --compare || bad=1
  if [ -n "$cuda" ]; then
    "$program" check "$work/$encode" --device cuda --compare || bad=1
  fi
done
exit $bad
