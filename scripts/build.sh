#!/usr/bin/env bash
# Builds rein (release, the only profile). Prints the path of the binary on standard output.
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

case "${1:-}" in
'') ;;
-h | --help)
    show_help
    exit 0
    ;;
*) die 64 "unknown argument '$1'; see scripts/build.sh --help" ;;
esac

llama_is_built() { compgen -G "$target_dir/release/build/llama-cpp-sys-2-*/out/lib*/libllama.a" >/dev/null; }

# watch_llama PID: a line now and then for as long as cargo (PID) runs and llama.cpp is not done.
watch_llama() {
    local began=$SECONDS count
    while sleep "$progress_seconds" && kill -0 "$1" 2>/dev/null && ! llama_is_built; do
        count=$(find "$target_dir"/release/build/llama-cpp-sys-2-*/out -name '*.o' 2>/dev/null | wc -l) || true
        say "    llama.cpp: $count of about $llama_objects files compiled, $(minutes $((SECONDS - began))) so far"
    done
}

if llama_is_built; then
    cargo build --release --locked >&2
else
    say "First build: about 7 minutes on $(nproc) cores (llama.cpp is compiled from source)."
    cargo build --release --locked >&2 &
    cargo_pid=$!
    # Ctrl-C reaches cargo by itself (same process group); the watcher must not outlive us.
    watch_llama "$cargo_pid" &
    watch_pid=$!
    trap 'kill "$watch_pid" 2>/dev/null || true' EXIT
    wait "$cargo_pid" || die 1 "the build failed; see above"
fi
printf '%s\n' "$target_dir/release/rein"
