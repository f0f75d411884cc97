#!/usr/bin/env bash
# Builds ggml's CUDA backend as a library that rein loads at run time, from the llama.cpp that
# llama-cpp-sys-2 carries. Prints its path, beside rein's binary, on standard output.
#
# Usage: scripts/cuda-backend.sh [--architectures LIST]
#   LIST  compute capabilities as in '75;80;86;89;90': machine code for each, and PTX of the lowest
#         and of the highest for what is not in the list. Without it: $REIN_CUDA_ARCHITECTURES, else
#         those of the GPUs in this machine, else 75;80;86;89;90.
#
# About 35 minutes for one architecture on 2 cores; an interrupted build goes on where it stopped. The
# toolkit is that of scripts/cuda-toolkit.sh, whose cuBLAS is found there when the library is loaded.
#
# Example: scripts/cuda-backend.sh --architectures 90

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build_dir="$target_dir/cuda-backend"

take_architectures "$@"

# The llama.cpp whose CPU part is linked into rein: the same code, so that both agree on every structure.
llama_source() {
    cargo metadata --locked --format-version 1 | python3 -c '
import json, os, sys
found = [p for p in json.load(sys.stdin)["packages"] if p["name"] == "llama-cpp-sys-2"]
print(os.path.join(os.path.dirname(found[0]["manifest_path"]), "llama.cpp"))'
}

# cmake_architectures '75;90' -> 75;90 (no suffix: machine code and PTX; -real: machine code alone)
cmake_architectures() {
    tr ';' '\n' <<<"$1" | sort -n | sed -e '2,${$!s/$/-real/}' | paste -s -d ';'
}

toolkit=$(scripts/cuda-toolkit.sh backend)
architectures=$(cuda_architectures)
source_dir=$(llama_source)
hook="$PWD/vendor/llama/cuda/loadable.cmake"
say "ggml's CUDA backend for $architectures: about 35 minutes for each architecture on 2 cores (this machine has $(nproc))"

# What llama-cpp-sys-2 sets for its own build of the backend, where it matters: no NCCL. CUDA graphs are
# llama.cpp's default. The driver stays among what the library needs, though a stub has no symbols: so its absence
# is told by its name.
CUDA_PATH=$toolkit cmake -S "$source_dir" -B "$build_dir" --log-level=WARNING \
    -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DGGML_BACKEND_DL=ON -DGGML_NATIVE=OFF \
    -DGGML_CPU=OFF -DGGML_CUDA=ON -DGGML_CUDA_NCCL=OFF -DGGML_OPENMP=OFF \
    -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF \
    -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF \
    -DCMAKE_PROJECT_llama.cpp_INCLUDE="$hook" \
    -DCMAKE_CUDA_COMPILER="$toolkit/bin/nvcc" -DCUDAToolkit_ROOT="$toolkit" \
    -DCMAKE_CUDA_ARCHITECTURES="$(cmake_architectures "$architectures")" \
    -DCMAKE_MODULE_LINKER_FLAGS=-Wl,--no-as-needed \
    -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON -DCMAKE_INSTALL_RPATH="\$ORIGIN;$toolkit/lib64" >&2 ||
    die 1 "CMake could not configure ggml's CUDA backend; see above"
cmake --build "$build_dir" --target ggml-cuda --parallel "$(nproc)" >&2 || die 1 "the build failed; see above"

mkdir -p "$target_dir/release"
cp "$build_dir/bin/libggml-cuda.so" "$target_dir/release/libggml-cuda.so.new"
mv "$target_dir/release/libggml-cuda.so.new" "$target_dir/release/libggml-cuda.so"
printf '%s\n' "$target_dir/release/libggml-cuda.so"
