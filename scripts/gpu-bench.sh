#!/usr/bin/env bash
# Measures rein on this machine's GPU beside llama-server b11434 built for the same GPU, and judges what rein promises
# there: what `make gpu-bench` does. Prints one table of bounds; the exit code is 1 where one is missed.
#
# Usage: scripts/gpu-bench.sh [OPTIONS]
#   --part PART     only compare (throughput, gaps), stops or sampling; may be repeated
#   --rounds N      how often each server is started for compare (3); --tries N  stops of each kind (25)
#   --model FILE    the model; without it one of random weights in the shape of an 8B Llama is made, once (4.5 GB)
#   --tokenizer FILE      a GGUF file, or its first 4 MB, whose tokenizer that model gets (SmolLM2's)
#   --rein FILE, --llama-server FILE, --sampling FILE   what has been built elsewhere, example gpu_sampling the last:
#                   nothing is built or fetched of what is given
#   --results DIR   where the figures go (bench-results/gpu-TIME): parts of several runs make one table there
#   --threads N     for both servers (8)
#   --trial         in small, on whatever computes here, to try this script itself: no bound means anything
#
# Both servers get -c, --parallel, -t and the same requests, llama-server -ngl 99 too; the rest is as each has it by
# default (benches/suites.py). Without a GPU it says so and succeeds. About 8 minutes once all is built.
#
# Example: scripts/gpu-bench.sh --part stops --results bench-results/gpu

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

help_if_asked "$@"

rounds=3 tries=25 threads=8 prompt_words=24000 context=131072 suite=gpu shape=8b
parts='' model='' tokenizer='' rein='' peer='' sampling='' results=''
trial=no
while [ "$#" -gt 0 ]; do
    case "$1" in
    --trial)
        trial=yes rounds=1 tries=2 threads=1 prompt_words=2000 context=16384 suite=gpu-trial shape=small
        shift
        continue
        ;;
    esac
    [ "$#" -ge 2 ] || die 64 "'$1' is unknown or lacks its value; see scripts/gpu-bench.sh --help"
    value=$2
    case "$1" in
    --part)
        [[ "$value" =~ ^(compare|stops|sampling)$ ]] || die 64 "--part is compare, stops or sampling, not '$value'"
        parts="$parts $value"
        ;;
    --rounds) rounds=$value ;;
    --tries) tries=$value ;;
    --threads) threads=$value ;;
    --model) model=$value ;;
    --tokenizer) tokenizer=$value ;;
    --rein) rein=$value ;;
    --llama-server) peer=$value ;;
    --sampling) sampling=$value ;;
    --results) results=$value ;;
    *) die 64 "unknown argument '$1'; see scripts/gpu-bench.sh --help" ;;
    esac
    shift 2
done
parts="${parts:-compare stops sampling} "
results=${results:-bench-results/gpu-$(date +%Y%m%d-%H%M%S)}
[ "$trial" = yes ] || leave_without_gpu measured

has() { [[ "$parts" == *"$1 "* ]]; }

# What is not given is built: for the GPU, or in a trial as `make bench` has it.
if [ -z "$rein" ] && { has compare || has stops; }; then
    if [ "$trial" = yes ]; then rein=$(scripts/build.sh); else rein=$(scripts/cuda.sh); fi
fi
if [ -z "$peer" ] && has compare; then
    if [ "$trial" = yes ]; then peer=$(scripts/peer.sh); else peer=$(scripts/peer.sh cuda); fi
fi
if [ -z "$model" ] && { has compare || has stops; }; then
    model="$rein_cache/models/random-$shape-q4_0.gguf"
    if [ ! -e "$model" ]; then
        tokenizer=${tokenizer:-$(scripts/models.sh smollm2)}
        benches/random_model.py --shape "$shape" --tokenizer "$tokenizer" "$model"
    fi
fi

failed=0
mkdir -p "$results"

# part NAME COMMAND...: runs it where it was asked for; what it says goes to standard error, the table alone is printed.
part() {
    local name=$1 began=$SECONDS
    shift
    has "$name" || return 0
    say "==> $name"
    "$@" >&2 || {
        say "    $name: not all of it could be measured, or a bound is missed"
        failed=1
    }
    say "    $name: $(minutes $((SECONDS - began)))"
}

compare() {
    # Made anew: figures of another build of rein are no rounds of this one.
    rm -f "$results/compare.json"
    benches/compare.py --suite "$suite" --rein "$rein" --llama-server "$peer" --model "$model" \
        --rounds "$rounds" --threads "$threads" --append "$results/compare.json"
}

stops() {
    benches/stop_latency.py --rein "$rein" --model "$model" --phase prefill --phase decode --tries "$tries" \
        --threads "$threads" --ctx-size "$context" --prompt-words "$prompt_words" --save "$results/stops.json"
}

sampling() {
    if [ -n "$sampling" ]; then
        "$sampling" | tee "$results/sampling.txt"
    elif [ "$trial" = yes ]; then
        say 'left out: without a GPU there is nothing to time'
    else
        CUDA_HOME=$(scripts/cuda-toolkit.sh) REIN_CUDA_ARCHITECTURES=$(cuda_architectures) \
            cargo run --release --locked --features cuda --example gpu_sampling | tee "$results/sampling.txt"
    fi
}

part compare compare
part stops stops
part sampling sampling

nvidia-smi --query-gpu=name,compute_cap,driver_version,memory.total --format=csv,noheader 2>/dev/null || true
say "saved in $results"
benches/gpu_report.py "$results" | tee "$results/bounds.md" || failed=1
exit "$failed"
