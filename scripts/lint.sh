#!/usr/bin/env bash
# Everything that is checked without running rein: format, lints, licences, documentation.
# What `make lint` does, and CI before the tests.
#
# All steps share the release profile and the lock file, so that llama.cpp is compiled once.
#
# Example: scripts/lint.sh

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

no_arguments "$@"

build() { scripts/build.sh >/dev/null; }

# RUSTDOCFLAGS touches rustdoc only; RUSTFLAGS would compile everything again.
docs() { RUSTDOCFLAGS='-D warnings' cargo doc --release --locked --no-deps; }

# fuzz/ is a package of its own: modules of rein without llama.cpp, and the fuzz targets.
fuzz=(--manifest-path fuzz/Cargo.toml)

# Our kernels for every architecture that is supported, and the Rust code of feature cuda; needs no GPU. ggml's own
# kernels are not compiled here: they take more than half an hour.
cuda() {
    local toolkit
    toolkit=$(scripts/cuda-toolkit.sh) || return
    CUDA_HOME=$toolkit REIN_CUDA_ARCHITECTURES=$cuda_architectures_by_default \
        cargo clippy --release --locked --all-targets --features cuda -- -D warnings
}

format() { cargo fmt --check && cargo fmt --check "${fuzz[@]}"; }

licences() {
    cargo deny --locked check licenses bans sources &&
        cargo deny --locked "${fuzz[@]}" --config deny.toml check licenses bans sources
}

step 'setup' scripts/setup.sh lint
step 'format' format
# Clippy and rustdoc need llama.cpp's bindings too; building first shows the progress of that.
step 'build' build
step 'clippy' cargo clippy --release --locked --all-targets -- -D warnings
step 'CUDA: kernels and clippy' cuda
step 'clippy of the fuzz targets' env CARGO_TARGET_DIR="$fuzz_target_dir" \
    cargo clippy --release --locked "${fuzz[@]}" -- -D warnings
# Not 'advisories': the database of known vulnerabilities lives outside the package registry, and
# this check must pass where nothing else can be reached. Run 'cargo deny check' where it can.
step 'licences and sources' licences
step 'documentation' docs
step 'benchmark reports' python3 -m unittest discover --quiet benches
