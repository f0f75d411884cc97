#!/usr/bin/env bash
# Builds rein, fetches the default model and serves it: what `make run` does.
#
# Usage: scripts/run.sh [MODEL [ARGUMENTS OF rein serve...]]
#   MODEL   a GGUF file; empty or absent: SmolLM2-135M-Instruct, fetched once
#
# Example: scripts/run.sh '' --host 127.0.0.1 --port 8888

set -euo pipefail
# The model may be named relative to where the command was given.
model="${1:-}"
[ -z "$model" ] || model=$(realpath -- "$model")
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if_asked "$@"

scripts/setup.sh run
rein=$(scripts/build.sh)
[ -n "$model" ] || model=$(scripts/models.sh smollm2)
say "Starting: $rein serve -m $model ${*:2}"
exec "$rein" serve -m "$model" "${@:2}"
