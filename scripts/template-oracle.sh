#!/usr/bin/env bash
# Checks that the expected prompts in tests/data/templates are what Jinja2 makes of the templates there.
#
# Usage: scripts/template-oracle.sh [--write | --transformers]
#   --write          writes the expected prompts anew, after a template or a conversation has changed
#   --transformers   checks with the Transformers library itself (some 150 MB to fetch, no model)
#   The virtual environment is made in rein's cache once, and again when its requirements change.
#
# Example: scripts/template-oracle.sh

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if_asked "$@"

data=tests/data/templates
requirements=requirements.txt
case "${1:-}" in
'' | --write) ;;
--transformers) requirements=requirements-transformers.txt ;;
*) die 64 "unknown argument '$1'; see scripts/template-oracle.sh --help" ;;
esac

# The copy of the requirements says what the environment holds.
venv="$rein_cache/template-oracle/${requirements%.txt}"
if ! cmp -s "$data/$requirements" "$venv/requirements.txt"; then
    say "Making $venv"
    python3 -m venv --clear "$venv" >&2
    "$venv/bin/python3" -m pip install --quiet --disable-pip-version-check -r "$data/$requirements" >&2 ||
        die 1 "pip could not install $data/$requirements; check the network and run this again"
    cp "$data/$requirements" "$venv/requirements.txt"
fi
PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python3" "$data/oracle.py" "$@"
