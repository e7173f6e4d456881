#!/usr/bin/env bash
# Starts a data-parallel training run on the GPUs of one machine: one process a GPU, averaged gradients (peers.h).
#
#   apps/tessera-train/parallel.sh PROCESSES TESSERA-TRAIN ARGUMENTS...
#   e.g. apps/tessera-train/parallel.sh 4 build-cuda/tessera-train --recipe data/recipes/motion.json --data video.tsvp --out OUT --device cuda
#
# A step's batch is the recipe's times PROCESSES. The first process writes the log and the files; a message of another is on stderr. When one fails, all
# are ended, and so is this, with 1. $MASTER_PORT: a free port, 29400 without. Across machines, or for more than this, torchrun --no-python.
set -euo pipefail

if (($# < 2)) || ! [[ $1 =~ ^[1-9][0-9]*$ ]]; then
  sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
export WORLD_SIZE=$1 MASTER_ADDR=127.0.0.1 MASTER_PORT=${MASTER_PORT:-29400}
shift
processes=()
trap 'kill "${processes[@]}" 2>/dev/null || true' EXIT
for ((rank = 0; rank < WORLD_SIZE; ++rank)); do
  RANK=$rank LOCAL_RANK=$rank "$@" &
  processes+=($!)
done
for ((rank = 0; rank < WORLD_SIZE; ++rank)); do
  wait -n || exit 1
done
