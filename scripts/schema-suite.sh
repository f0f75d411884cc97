#!/usr/bin/env bash
# Fetches the official JSON Schema Test Suite into rein's cache and prints its directory.
#
# Usage: scripts/schema-suite.sh
#   The suite (MIT, Julian Berman) is part of the source package of the Python package `jsonschema`
#   (MIT), which pip fetches; nothing is installed. Its checksum is verified. Takes no time when it is
#   there. Place: $REIN_CACHE, or $XDG_CACHE_HOME/rein, or ~/.cache/rein.
#
# Example: ls "$(scripts/schema-suite.sh)/draft2020-12"

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case "${1:-}" in
'') ;;
-h | --help)
    show_help
    exit 0
    ;;
*) die 64 "unknown argument '$1'; see scripts/schema-suite.sh --help" ;;
esac

version=4.26.0
sha256=0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326
suite="$rein_cache/json-schema-test-suite-$version"

if [ ! -d "$suite" ]; then
    mkdir -p "$rein_cache"
    work=$(mktemp -d "$rein_cache/schema-suite.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    python=python3
    if ! python3 -m pip --version >/dev/null 2>&1; then
        python3 -m venv "$work/pip" >&2 || die 2 "python3 -m venv failed; run scripts/setup.sh"
        python="$work/pip/bin/python3"
    fi
    say "Fetching the JSON Schema Test Suite (with jsonschema $version)"
    "$python" -m pip download --no-deps --no-binary=:all: --disable-pip-version-check --quiet \
        --dest "$work" "jsonschema==$version" >&2 ||
        die 1 "pip could not fetch jsonschema $version; check the network and run this again"
    archive="$work/jsonschema-$version.tar.gz"
    if [ "$(sha256sum <"$archive" | cut -d' ' -f1)" != "$sha256" ]; then
        die 1 "what pip fetched is not the expected file"
    fi
    mkdir "$work/suite"
    tar -xzf "$archive" -C "$work/suite" --strip-components=2 "jsonschema-$version/json/LICENSE"
    tar -xzf "$archive" -C "$work/suite" --strip-components=3 "jsonschema-$version/json/tests"
    # In one step, so that a directory of this name is always whole.
    mv "$work/suite" "$suite"
fi
printf '%s\n' "$suite"
