# Shared by the scripts beside it: messages, timed steps and the places where things are kept.
# shellcheck shell=bash disable=SC2034

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# What can be fetched or built again (tools, the benchmark's peer), and rein's own data.
rein_cache="${REIN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rein}"
rein_home="${REIN_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/rein}"
models_dir="$rein_home/models"
tools_dir="$rein_cache/tools"
# fuzz/ is built with other flags and lints, and may be thrown away.
fuzz_target_dir="${CARGO_TARGET_DIR:+$CARGO_TARGET_DIR/fuzz}"
fuzz_target_dir="${fuzz_target_dir:-$rein_cache/fuzz/target}"
target_dir="${CARGO_TARGET_DIR:-${CARGO_BUILD_TARGET_DIR:-target}}"

# cargo may be installed without being in PATH; tools_dir holds what setup.sh built.
PATH="$PATH:$HOME/.cargo/bin:$tools_dir/bin"
export PATH

# Messages go to standard error: standard output carries only what a script is asked for.
say() { printf '%s\n' "$*" >&2; }

# die CODE MESSAGE...
die() {
    local code=$1
    shift
    say "error: $*"
    exit "$code"
}

# minutes SECONDS -> 3:07
minutes() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# step NAME COMMAND...: says what runs and how long it took; stops the script where it fails.
step() {
    local name=$1 began=$SECONDS code=0
    shift
    say "==> $name"
    "$@" || code=$?
    if [ "$code" -ne 0 ]; then
        die "$code" "$name failed after $(minutes $((SECONDS - began)))"
    fi
    say "    $name: done in $(minutes $((SECONDS - began)))"
}

# show_help: prints the comment block at the head of the script that is running.
show_help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "scripts/${0##*/}"; }

# help_if_asked "$@": answers -h and --help, which end the script.
help_if_asked() {
    case "${1:-}" in
    -h | --help)
        show_help
        exit 0
        ;;
    esac
}

# no_arguments "$@": for a script that takes none but -h and --help.
no_arguments() {
    help_if_asked "$@"
    [ -z "${1:-}" ] || die 64 "unknown argument '$1'; see scripts/${0##*/} --help"
}

# The compute capabilities that CUDA code is compiled for: the setting, else the GPUs of this machine, else
# what is common. build/architectures.rs decides the same for `cargo build --features cuda`.
# Fails where the setting is no such list. Separated by semicolons, as CMake wants them.
cuda_architectures_by_default='75;80;86;89;90'
cuda_architectures() {
    local present=''
    if [ -z "${REIN_CUDA_ARCHITECTURES:-}" ] && command -v nvidia-smi >/dev/null 2>&1; then
        present=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | tr -d '. ' |
            grep -x '[0-9]\+' | sort -nu | paste -s -d ';') || present=''
    fi
    present=$(tr -s ',; ' ';' <<<"${REIN_CUDA_ARCHITECTURES:-${present:-$cuda_architectures_by_default}}")
    grep -qxE '[0-9]{2,3}(;[0-9]{2,3})*' <<<"$present" ||
        die 64 "'$present' is not a list of compute capabilities such as $cuda_architectures_by_default"
    printf '%s\n' "$present"
}

# take_architectures ARGUMENTS...: --architectures LIST, the one argument that the builds for CUDA have, into
# the setting.
take_architectures() {
    help_if_asked "$@"
    case "${1:-}" in
    '') ;;
    --architectures) export REIN_CUDA_ARCHITECTURES="${2:?--architectures needs a list such as 90}" ;;
    *) die 64 "unknown argument '$1'; see scripts/${0##*/} --help" ;;
    esac
}

# leave_without_gpu DONE: ends the script, which has then succeeded, where NVIDIA's driver shows no GPU.
leave_without_gpu() {
    nvidia-smi -L 2>/dev/null | grep -q '^GPU ' && return
    say "There is no NVIDIA GPU here (nvidia-smi shows none): nothing was $1."
    exit 0
}

# The Python that has pip: the machine's, or that of a virtual environment made for this.
pip_python() {
    if python3 -m pip --version >/dev/null 2>&1; then
        printf 'python3'
        return
    fi
    if [ ! -x "$rein_cache/pip/bin/python3" ]; then
        say "Python has no pip: making a virtual environment in $rein_cache/pip"
        python3 -m venv "$rein_cache/pip" >&2 || die 2 "python3 -m venv failed; run scripts/setup.sh"
    fi
    printf '%s' "$rein_cache/pip/bin/python3"
}
