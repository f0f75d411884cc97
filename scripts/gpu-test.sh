#!/usr/bin/env bash
# Tests rein on this machine's GPU: what `make gpu-test` does. Prints a table on standard output.
#
# Builds what it needs (scripts/cuda.sh). Then: our kernels on every GPU; a server that must find the GPU; one that must
# draw its tokens there, and the same ones as the kernels' reference; the tests of the engine and over HTTP, unchanged,
# with the models on the GPU; compute-sanitizer (memcheck, racecheck) over our kernels, where it is installed. Without a
# GPU it says so and succeeds. The exit code is 1 where a check failed.
#
# Usage: scripts/gpu-test.sh
# Example: REIN_CUDA_ARCHITECTURES=90 scripts/gpu-test.sh

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

no_arguments "$@"
leave_without_gpu tested

step 'setup' scripts/setup.sh test
build() { scripts/cuda.sh >/dev/null; }
models() { scripts/models.sh all >/dev/null; }
step 'build' build
step 'models' models

# What the tests load: their binaries do not lie beside the library.
REIN_BACKEND_DIR=$(realpath "$target_dir/release")
REIN_CUDA_ARCHITECTURES=$(cuda_architectures)
CUDA_HOME=$(scripts/cuda-toolkit.sh backend)
export REIN_BACKEND_DIR REIN_CUDA_ARCHITECTURES CUDA_HOME

rows=()
failed=0

# check NAME COMMAND...: a row of the table; what the command says goes to standard error.
check() {
    local name=$1 began=$SECONDS result='passed'
    shift
    say "==> $name"
    "$@" >&2 || {
        result='FAILED'
        failed=1
    }
    rows+=("$(printf '| %-44s | %-6s | %7s |' "$name" "$result" "$(minutes $((SECONDS - began)))")")
}

tests() { cargo nextest run --release --locked --features cuda --no-fail-fast "$@"; }

kernel_tests=('llama::cuda::gpu::' 'sampling::cuda::launch::')

# sanitized TOOL: the tests of the kernels themselves, the sampler's and the self-check, under a tool of
# compute-sanitizer: memcheck finds reads and writes out of bounds, racecheck races in shared memory.
sanitized() {
    local binary tool=$1
    binary=$(cargo test --release --locked --features cuda --lib --no-run --message-format=json 2>/dev/null |
        python3 -c '
import json, sys
lines = (json.loads(line) for line in sys.stdin if line.startswith("{"))
print([l["executable"] for l in lines if l.get("executable")][-1])')
    # A filter that fits no test would pass.
    local filter
    for filter in "${kernel_tests[@]}"; do
        "$binary" --list "$filter" | grep -q ': test$' || {
            say "no test has '$filter' in its name"
            return 1
        }
    done
    compute-sanitizer --tool "$tool" --error-exitcode 1 "$binary" --test-threads 1 "${kernel_tests[@]}"
}

# Its answers by our kernels, and by their source compiled for the CPU.
same_tokens() { benches/gpu_same_tokens.py --rein "$target_dir/release/rein" --model "$(scripts/models.sh smollm2)"; }

check 'kernels of ours on every GPU' tests --lib -E 'test(/cuda/)'
check 'a server finds the GPU' tests --test cuda_start --run-ignored all -E 'test(the_gpu_computes)'
check 'a server draws on the GPU, the same tokens' same_tokens
check 'engine, on the GPU' tests --test engine
check 'over HTTP, on the GPU' tests --test http
if command -v compute-sanitizer >/dev/null 2>&1; then
    check 'kernels of ours, memcheck' sanitized memcheck
    check 'kernels of ours, racecheck' sanitized racecheck
else
    rows+=("$(printf '| %-44s | %-6s | %7s |' 'kernels of ours, compute-sanitizer' 'absent' '')")
fi

nvidia-smi --query-gpu=name,compute_cap,driver_version,memory.total --format=csv,noheader
printf '| %-44s | %-6s | %7s |\n' 'check' 'result' 'minutes'
printf '| %s | %s | %s |\n' '---' '---' '---'
printf '%s\n' "${rows[@]}"
exit "$failed"
