#!/usr/bin/env bash
# Runs tests/clients: rein as other people's clients see it (the openai SDK, in Python).
#
# Usage: scripts/client-tests.sh [ARGUMENTS OF pytest...]
#   The virtual environment .venv is made once and again when tests/clients/requirements.txt
#   changes. REIN_BIN and REIN_MODEL tell the tests which binary to start and what to load.
#
# Example: scripts/client-tests.sh -k streaming

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if_asked "$@"

requirements=tests/clients/requirements.txt
if [ ! -d tests/clients ]; then
    say "tests/clients is not there: nothing to run"
    exit 0
fi
[ -f "$requirements" ] || die 1 "$requirements is missing: pin what the client tests need there"

# The copy of the requirements says what .venv holds.
if ! cmp -s "$requirements" .venv/requirements.txt; then
    say "Making .venv from $requirements (about half a minute)"
    python3 -m venv --clear .venv >&2
    .venv/bin/python3 -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2 ||
        die 1 "pip could not install $requirements; check the network and run this again"
    cp "$requirements" .venv/requirements.txt
fi

REIN_BIN=$(realpath "$(scripts/build.sh)")
REIN_MODEL=$(scripts/models.sh smollm2)
export REIN_BIN REIN_MODEL
.venv/bin/python3 -m pytest tests/clients "$@"
