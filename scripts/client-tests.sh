#!/usr/bin/env bash
# Runs tests/clients: rein as other people's clients see it (the openai SDKs for Python and for JavaScript, LangChain).
#
# Usage: scripts/client-tests.sh [python [ARGUMENTS OF pytest...] | js [ARGUMENTS OF node --test...]]
#   Without arguments those in both languages. What they need is installed once, and again when its pinned versions
#   change: .venv from tests/clients/requirements.txt, node_modules from tests/clients/js/package-lock.json.
#   REIN_BIN and REIN_MODEL tell the tests which binary to start and what to load; where they are not set, rein is
#   built and the default model fetched.
#
# Example: scripts/client-tests.sh python -k streaming

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if_asked "$@"

requirements=tests/clients/requirements.txt
js=tests/clients/js
js_lock=$js/package-lock.json

# The copy of the requirements says what .venv holds.
make_venv() {
    cmp -s "$requirements" .venv/requirements.txt && return 0
    say "Making .venv from $requirements (about a minute)"
    python3 -m venv --clear .venv >&2
    .venv/bin/python3 -m pip install --quiet --disable-pip-version-check -r "$requirements" >&2 ||
        die 1 "pip could not install $requirements; check the network and run this again"
    cp "$requirements" .venv/requirements.txt
}

# The copy of the lock file says what node_modules holds.
make_node_modules() {
    cmp -s "$js_lock" $js/node_modules/installed-lock.json && return 0
    say "Making $js/node_modules from $js_lock (some seconds)"
    npm ci --prefix $js --no-audit --no-fund --ignore-scripts --loglevel=error >&2 ||
        die 1 "npm could not install $js_lock; check the network and run this again"
    cp "$js_lock" $js/node_modules/installed-lock.json
}

run_python() {
    make_venv
    .venv/bin/python3 -m pytest tests/clients "$@"
}

# One file at a time: each has a server of its own, and the model needs a core.
run_js() {
    make_node_modules
    node --test --test-reporter=spec --test-concurrency=1 "$@" $js/*.test.js
}

language="${1:-}"
case "$language" in
'' | python | js) ;;
*) die 64 "unknown argument '$language'; see scripts/client-tests.sh --help" ;;
esac

REIN_BIN=$(realpath "${REIN_BIN:-$(scripts/build.sh)}")
REIN_MODEL=${REIN_MODEL:-$(scripts/models.sh smollm2)}
export REIN_BIN REIN_MODEL
[ "$language" = js ] || run_python "${@:2}"
[ "$language" = python ] || run_js "${@:2}"
