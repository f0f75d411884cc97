#!/usr/bin/env bash
# Measures rein on this machine's GPU beside llama-server b11434 built for the same GPU: what `make gpu-bench`
# does. Prints a table on standard output.
#
# Usage: scripts/gpu-bench.sh [ARGUMENTS OF benches/compare.py...]
#   Builds what it needs (scripts/cuda.sh, scripts/peer.sh cuda). Without --model SmolLM2 and gemma-3 are
#   measured. Without a GPU it says so and succeeds.
#
# Example: scripts/gpu-bench.sh --model model.gguf --rounds 3 --scenario single_stream

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if_asked "$@"
leave_without_gpu measured

rein=$(scripts/cuda.sh)
peer=$(scripts/peer.sh cuda)
models=()
case " $* " in
*' --model'[\ =]*) ;;
*)
    paths=$(scripts/models.sh all)
    while IFS= read -r path; do models+=(--model "$path"); done <<<"$paths"
    ;;
esac
nvidia-smi --query-gpu=name,compute_cap,driver_version,memory.total --format=csv,noheader
exec python3 benches/compare.py --rein "$rein" --llama-server "$peer" "${models[@]}" "$@"
