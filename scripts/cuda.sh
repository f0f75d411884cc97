#!/usr/bin/env bash
# Builds rein for NVIDIA GPUs: the binary with feature cuda and, beside it, ggml's CUDA backend, which it loads at
# run time. What `make cuda` does. Prints the path of the binary on standard output.
#
# Usage: scripts/cuda.sh [--architectures LIST]
#   LIST  compute capabilities as in '75;80;86;89;90', for rein's kernels and ggml's alike. Without it:
#         $REIN_CUDA_ARCHITECTURES, else those of the GPUs in this machine, else 75;80;86;89;90.
#
# Needs no GPU. ggml's backend takes about 35 minutes for each architecture on 2 cores, once.
#
# Example: scripts/cuda.sh --architectures 90

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

take_architectures "$@"

scripts/setup.sh run
# One setting for both parts.
REIN_CUDA_ARCHITECTURES=$(cuda_architectures)
CUDA_HOME=$(scripts/cuda-toolkit.sh backend)
export REIN_CUDA_ARCHITECTURES CUDA_HOME
rein=$(scripts/build.sh --features cuda)
scripts/cuda-backend.sh >/dev/null
printf '%s\n' "$rein"
