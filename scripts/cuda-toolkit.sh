#!/usr/bin/env bash
# Finds a CUDA toolkit, or makes one from Python packages. Prints its directory on standard output.
#
# Usage: scripts/cuda-toolkit.sh [kernels|backend]
#   kernels  (default) what rein's own kernels need: nvcc, its headers, cub, the runtime's headers
#   backend  that and cuBLAS (420 MB more), which ggml's CUDA backend links
#
# Taken in this order: $CUDA_HOME, $CUDA_PATH, the nvcc in PATH, then the one that this script keeps in
# $REIN_CACHE/cuda-13.0 (~/.cache/rein/cuda-13.0), made by pip: about 100 MB for the kernels. NVIDIA's
# licence for the CUDA toolkit applies to these packages; it lies beside them (licenses/). A toolkit
# that is there costs no time.
#
# Example: CUDA_HOME=$(scripts/cuda-toolkit.sh) cargo build --release --features cuda

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

toolkit="$rein_cache/cuda-13.0"
kernel_packages=(nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88
    nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85)
backend_packages=(nvidia-cublas==13.0.2.14)

# The directory of a toolkit that the machine has of its own.
toolkit_of_machine() {
    local directory nvcc
    for directory in "${CUDA_HOME:-}" "${CUDA_PATH:-}"; do
        [ -n "$directory" ] || continue
        [ -x "$directory/bin/nvcc" ] || die 2 "$directory holds no bin/nvcc: CUDA_HOME and CUDA_PATH must name a CUDA toolkit"
        printf '%s\n' "$directory"
        return
    done
    nvcc=$(command -v nvcc) || return 1
    dirname "$(dirname "$(readlink -f "$nvcc")")"
}

# linker_names DIRECTORY: libcudart.so for libcudart.so.13, as -lcudart and CMake look for it.
linker_names() {
    local library
    for library in "$1"/lib*.so.[0-9]*; do
        ln -sf "${library##*/}" "${library%%.so.*}.so"
    done
}

# The driver's library comes with the driver, not with a toolkit: what links -lcuda does so against a stub.
driver_stub() {
    mkdir -p "$1"
    printf '' | cc -shared -x c - -o "$1/libcuda.so" -Wl,-soname,libcuda.so.1
}

# add PART PACKAGES...: into the toolkit, once; what is half made never takes the final name.
add() {
    local part=$1 python made
    shift
    [ ! -f "$toolkit/.$part" ] || return 0
    python=$(pip_python)
    made=$(mktemp -d "$rein_cache/cuda-13.0.making.XXXXXX")
    say "Fetching for the CUDA toolkit in $toolkit: $*"
    if ! "$python" -m pip install --no-deps --only-binary=:all: --disable-pip-version-check --quiet \
        --no-compile --target "$made" "$@" >&2; then
        rm -rf "$made"
        die 1 "pip could not fetch the toolkit; check the network and run this again, or set CUDA_HOME to a CUDA toolkit"
    fi
    mkdir -p "$toolkit/licenses"
    cp -r "$made/nvidia/cu13/." "$toolkit/"
    local info
    for info in "$made"/*.dist-info; do
        cp "$info/licenses/License.txt" "$toolkit/licenses/${info##*/}.txt" 2>/dev/null || true
    done
    rm -rf "$made"
    chmod +x "$toolkit"/bin/* "$toolkit"/nvvm/bin/*
    ln -sfn lib "$toolkit/lib64"
    linker_names "$toolkit/lib"
    driver_stub "$toolkit/lib/stubs"
    "$toolkit/bin/nvcc" --version >/dev/null || die 1 "$toolkit/bin/nvcc does not run; remove $toolkit and run this again"
    touch "$toolkit/.$part"
}

help_if_asked "$@"
case "${1:-kernels}" in
kernels | backend) ;;
*) die 64 "unknown argument '$1'; see scripts/cuda-toolkit.sh --help" ;;
esac

if found=$(toolkit_of_machine); then
    printf '%s\n' "$found"
    exit 0
fi
# Two at a time would write the same files; the second waits and finds the work done.
mkdir -p "$rein_cache"
exec 9>"$rein_cache/.cuda-13.0.lock"
flock 9
add kernels "${kernel_packages[@]}"
[ "${1:-kernels}" = kernels ] || add backend "${backend_packages[@]}"
printf '%s\n' "$toolkit"
