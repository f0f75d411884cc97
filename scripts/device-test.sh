#!/usr/bin/env bash
# Tests rein on a device that is not the processor, without a GPU: what `make device-test` does.
#
# The device is tests/device/stand_in, loaded as ggml's CUDA backend is. Its own tests come first; then those of the
# engine that a device could break: stops, correctness, prefixes, drafts, structured output, and stops over HTTP.
#
# Usage: scripts/device-test.sh [ARGUMENTS OF cargo nextest run...]
#   With arguments the tests that they choose are run on the device.
#   REIN_STAND_IN_THREADS (2 unless set), _GPUS, _MIB and _GRAPH_MS say what the device is like.
#
# Example: REIN_STAND_IN_GPUS=2 scripts/device-test.sh --test engine

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if_asked "$@"

export REIN_STAND_IN_THREADS="${REIN_STAND_IN_THREADS:-2}"

tests() { cargo nextest run --release --locked --no-fail-fast "$@"; }
# Its tests compile it (tests/common/stand_in.rs).
on_device() { REIN_BACKEND_DIR="$(realpath "$target_dir")/tmp/stand-in" tests "$@"; }

if [ "$#" -gt 0 ]; then
    step 'the device' tests --test device -E 'test(a_server_says_what_computes)'
    step 'on the device' on_device "$@"
    exit 0
fi
step 'the device' tests --test device
step 'on the device' on_device --test engine --test http -E "
    (binary(engine) and (test(/^stop::/) or test(/^embed_stop::/) or test(/^correctness::/) or test(/^prefix::/)
        or test(/^drafts::/) or test(/^structured::real/)))
    or (binary(http) and test(/^cancel::/))"
