#!/usr/bin/env bash
# Builds rein (release, the only profile). Prints the path of the binary on standard output.
#
# Usage: scripts/build.sh [ARGUMENTS OF cargo build, such as --features cuda...]
#
# The first build compiles llama.cpp, about 7 minutes on 2 cores; cargo shows nothing of it, so this
# script counts the compiled files. Later builds take seconds. CARGO_TARGET_DIR is respected.
#
# Example: scripts/build.sh

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# About how many object files llama.cpp's build leaves; only for the progress line.
llama_objects=180
progress_seconds=15

help_if_asked "$@"

llama_is_built() { compgen -G "$target_dir/release/build/llama-cpp-sys-2-*/out/lib*/libllama.a" >/dev/null; }

# A line now and then for as long as this script runs and llama.cpp is not done.
watch_llama() {
    local began=$SECONDS count
    while sleep "$progress_seconds" && kill -0 "$$" 2>/dev/null && ! llama_is_built; do
        count=$(find "$target_dir"/release/build/llama-cpp-sys-2-*/out -name '*.o' 2>/dev/null | wc -l) || true
        say "    llama.cpp: $count of about $llama_objects files compiled, $(minutes $((SECONDS - began))) so far"
    done
}

if ! llama_is_built; then
    say "First build: about 7 minutes on 2 cores (this machine has $(nproc)): llama.cpp is compiled from source."
    # The watcher is what runs in the background, not cargo: Ctrl-C must reach cargo.
    # It must not hold our standard output: who reads that would wait for the last sleep.
    watch_llama >/dev/null &
    watch_pid=$!
    trap 'kill "$watch_pid" 2>/dev/null || true' EXIT
fi
cargo build --release --locked "$@" >&2 || die 1 "the build failed; see above"
printf '%s\n' "$target_dir/release/rein"
