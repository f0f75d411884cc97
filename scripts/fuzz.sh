#!/usr/bin/env bash
# Fuzzes what reads foreign input: builds the targets in fuzz/ with coverage instrumentation (the
# stable compiler suffices; llama.cpp is not needed) and runs them, two at a time.
#
# Usage: scripts/fuzz.sh [SECONDS] [TARGET...]
#   SECONDS   for each target (default 30); 0 tries the seeds and what earlier runs found, no more
#   TARGET    one of fuzz/fuzz_targets (default all)
#
# Prints inputs per second, covered edges and the result of each target. An input that fails is kept in
# fuzz/artifacts/TARGET, with the command that tries it again. What is interesting is kept in the cache
# and fuzzed further the next time.
#
# Example: scripts/fuzz.sh 300 reasoning tool_calls

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# What one input may take: far more than the slowest do, which are templates and grammars at their limits.
seconds_per_input=10
memory_mib=2048
at_once=2

host=$(rustc -vV | sed -n 's/^host: //p')
binaries="$fuzz_target_dir/$host/release"
corpora="$rein_cache/fuzz/corpus"

# LLVM's coverage pass, as libFuzzer wants it. With --target they apply to no build script.
instrumentation=(
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
)

all_targets() { find fuzz/fuzz_targets -name '*.rs' -exec basename {} .rs \; | sort; }

build() {
    CARGO_TARGET_DIR="$fuzz_target_dir" RUSTFLAGS="${instrumentation[*]}" cargo build --release --locked \
        --manifest-path fuzz/Cargo.toml --target "$host" >&2
}

# Seeds, dictionary, log and current input of a target's run.
scratch=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$scratch"' EXIT

# fuzz TARGET SECONDS: one target, silently. The log says the rest.
fuzz() {
    local target=$1 seconds=$2 work="$scratch/$1"
    local -a limit=(-max_total_time="$seconds")
    [ "$seconds" -gt 0 ] || limit=(-runs=0)
    mkdir -p "$work" "$corpora/$target" "fuzz/artifacts/$target"
    REIN_FUZZ_PREPARE="$work" "$binaries/$target" 2>/dev/null
    RUST_BACKTRACE=0 REIN_FUZZ_CURRENT="$work/current" "$binaries/$target" "${limit[@]}" \
        -timeout="$seconds_per_input" -rss_limit_mb="$memory_mib" -dict="$work/words.dict" \
        -artifact_prefix="fuzz/artifacts/$target/" -print_final_stats=1 -print_funcs=0 \
        "$corpora/$target" "$work/seeds" >"$work/log" 2>&1
}

# Lines of a log that are of no use beside a failure.
noise='^#|^INFO|^stat::|^WARNING|^NOTE|^Dictionary|^MS:|^artifact_prefix|^ParseDict|^[^ ]+: Running|^Running'

# report TARGET CODE: a line for a target that held, all that helps for one that did not.
report() {
    local target=$1 code=$2 log="$scratch/$1/log" kept coverage
    coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    if [ "$code" -eq 0 ]; then
        printf '%-14s %9s inputs, %7s a second, %6s edges: ok\n' "$target" \
            "$(statistic number_of_executed_units "$log")" "$(statistic average_exec_per_sec "$log")" "$coverage"
        return 0
    fi
    kept=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    if [ -z "$kept" ] && [ -e "$scratch/$target/current" ]; then
        # libFuzzer did not survive to write it: most likely the stack overflowed.
        kept="fuzz/artifacts/$target/crash-$(sha1sum <"$scratch/$target/current" | cut -d' ' -f1)"
        cp "$scratch/$target/current" "$kept"
    fi
    printf '%-14s FAILED with status %s, %s edges\n' "$target" "$code" "$coverage"
    grep -v -E "$noise" "$log" | tail -n 40 | cut -c 1-2000 | sed 's/^/    /'
    printf '    try it again: %s %s\n' "$binaries/$target" "$PWD/${kept:-}"
    return 1
}

statistic() { sed -n "s/^stat::$1: *//p" "$2"; }

# run TARGET SECONDS: its report, on standard output in one piece.
run() {
    local code=0
    fuzz "$1" "$2" || code=$?
    report "$1" "$code" >"$scratch/$1/report" || code=1
    cat "$scratch/$1/report"
    return "$code"
}

help_if_asked "$@"
seconds=30
if [[ "${1:-}" =~ ^[0-9]+$ ]]; then
    seconds=$1
    shift
fi
[ "$#" -gt 0 ] || mapfile -t targets < <(all_targets)
[ "$#" -eq 0 ] || targets=("$@")
for target in "${targets[@]}"; do
    [ -e "fuzz/fuzz_targets/$target.rs" ] ||
        die 64 "no target '$target'; there are: $(all_targets | tr '\n' ' ')"
done

step 'fuzz targets' build
failed=0
for target in "${targets[@]}"; do
    if [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; then
        wait -n || failed=1
    fi
    run "$target" "$seconds" &
done
while [ -n "$(jobs -p)" ]; do
    wait -n || failed=1
done
[ "$failed" -eq 0 ] || die 1 "fuzzing found failures; see above"
