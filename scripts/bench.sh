#!/usr/bin/env bash
# Builds rein and its peer, then runs benches/compare.py: what `make bench` does.
#
# Usage: scripts/bench.sh [ARGUMENTS OF benches/compare.py...]
#   About 7 minutes to install the peer, once; then about 15 minutes for each of the first two rounds
#   and 10 for a later one. The machine should have nothing else to do. Both models are measured,
#   unless --model says which. Results: Markdown on standard output, which bounds hold first, and
#   JSON in bench-results/; with --docs also docs/benchmarks.md and its plots.
#   With --from FILE nothing is built or measured: the report of FILE is written again.
#
# Examples:
#   scripts/bench.sh --rounds 3 --scenario single_stream
#   scripts/bench.sh --from bench-results/compare-20261122-120000.json --docs

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if_asked "$@"

given=" $* "
case "$given" in
*' --from'[\ =]*) exec python3 benches/compare.py "$@" ;;
esac

scripts/setup.sh run
rein=$(scripts/build.sh)
peer=$(scripts/peer.sh)
models=()
case "$given" in
*' --model'[\ =]*) ;;
*)
    paths=$(scripts/models.sh all)
    while IFS= read -r path; do models+=(--model "$path"); done <<<"$paths"
    ;;
esac
exec python3 benches/compare.py --rein "$rein" --llama-server "$peer" "${models[@]}" "$@"
