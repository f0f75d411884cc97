#!/usr/bin/env bash
# Builds rein and its peer, then runs benches/compare.py: what `make bench` does.
#
# Usage: scripts/bench.sh [ARGUMENTS OF benches/compare.py...]
#   About 7 minutes to install the peer, once; then about 8 minutes a round. The machine should
#   have nothing else to do. Results: a Markdown table, and JSON in bench-results/.
#
# Example: scripts/bench.sh --rounds 3 --scenario single_stream

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if_asked "$@"

scripts/setup.sh run
rein=$(scripts/build.sh)
model=$(scripts/models.sh smollm2)
peer=$(scripts/peer.sh)
exec python3 benches/compare.py --rein "$rein" --llama-server "$peer" --model "$model" "$@"
