#!/usr/bin/env bash
# Tests rein on this machine's GPU: what `make gpu-test` does. Prints a table on standard output.
#
# Builds what it needs (scripts/cuda.sh). Then: our kernels on every GPU; a server that must find the GPU; the tests
# of the engine and over HTTP, unchanged, with the models on the GPU; compute-sanitizer over our kernels,
# where it is installed. Without a GPU it says so and succeeds. The exit code is 1 where a check failed.
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

# sanitized: the kernels' own tests under compute-sanitizer, which reports reads and writes out of bounds.
sanitized() {
    local binary
    binary=$(cargo test --release --locked --features cuda --lib --no-run --message-format=json 2>/dev/null |
        python3 -c '
import json, sys
lines = (json.loads(line) for line in sys.stdin if line.startswith("{"))
print([l["executable"] for l in lines if l.get("executable")][-1])')
    compute-sanitizer --error-exitcode 1 "$binary" 'cuda::gpu'
}

check 'kernels of ours on every GPU' tests --lib -E 'test(/cuda/)'
check 'a server finds the GPU' tests --test cuda_start --run-ignored all -E 'test(the_gpu_computes)'
check 'engine, on the GPU' tests --test engine
check 'over HTTP, on the GPU' tests --test http
if command -v compute-sanitizer >/dev/null 2>&1; then
    check 'kernels of ours under compute-sanitizer' sanitized
else
    rows+=("$(printf '| %-44s | %-6s | %7s |' 'kernels of ours under compute-sanitizer' 'absent' '')")
fi

nvidia-smi --query-gpu=name,compute_cap,driver_version,memory.total --format=csv,noheader
printf '| %-44s | %-6s | %7s |\n' 'check' 'result' 'minutes'
printf '| %s | %s | %s |\n' '---' '---' '---'
printf '%s\n' "${rows[@]}"
exit "$failed"
