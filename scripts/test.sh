#!/usr/bin/env bash
# Sets up, builds, fetches both test models, then runs every test: what `make test` does.
#
# Usage: scripts/test.sh [ARGUMENTS OF cargo nextest run...]
#   With arguments only the tests that they choose are run, without doctests, client tests and fuzzing.
#
# Example: scripts/test.sh -E 'test(stop)'

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if_asked "$@"

# CI reports every failure; at a desk the first one is enough to go on with.
profile=default
[ -z "${CI:-}" ] || profile=ci

# For each target; a longer hunt is 'make fuzz'.
fuzz_seconds=30

# Of what scripts/device-test.sh runs on a device that is not the processor, what takes four minutes.
on_device='test(/^stop::/) or test(/^cancel::/) or test(/^correctness::/)'

build() { scripts/build.sh >/dev/null; }
models() { scripts/models.sh all >/dev/null; }
suite() { scripts/schema-suite.sh >/dev/null; }

say "Everything: about 22 minutes once llama.cpp is built (the first build: about 7 minutes more on 2 cores)."
step 'setup' scripts/setup.sh test
step 'build' build
step 'models' models
step 'schema test suite' suite
step 'tests' cargo nextest run --release --locked --profile "$profile" "$@"
[ "$#" -eq 0 ] || exit 0
step 'stops and answers on a device' scripts/device-test.sh --test engine --test http -E "$on_device"
step 'template oracle' scripts/template-oracle.sh
step 'doctests' cargo test --release --locked --doc
step 'client tests' scripts/client-tests.sh
step 'fuzzing' scripts/fuzz.sh "$fuzz_seconds"
