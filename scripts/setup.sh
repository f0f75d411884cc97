#!/usr/bin/env bash
# Makes sure that this machine can build rein; installs what is missing and says so first.
#
# Usage: scripts/setup.sh [run|test|lint]
#   run    (default) what building and serving needs: a C++ compiler, make, cmake, libclang, git,
#          Python with venv (to fetch models), cargo
#   test   that, cargo-nextest, and Node.js with npm (for the client tests)
#   lint   that and cargo-deny
#
# Debian and Ubuntu packages are installed as root or through password-free sudo. Where neither is
# there, the exact command is printed and the exit code is 2. Takes no time when nothing is missing.
#
# Example: scripts/setup.sh test

set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

packages=()
reasons=()

# need PACKAGES WHY: both are said before anything is installed.
need() {
    read -r -a names <<<"$1"
    packages+=("${names[@]}")
    reasons+=("$(printf '  %-24s %s' "$1" "$2")")
}

has() { command -v "$1" >/dev/null 2>&1; }

# bindgen loads libclang at build time and reads clang's own headers (stddef.h and others).
has_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null &&
        compgen -G '/usr/lib/llvm-*/lib/clang/*/include/stddef.h' >/dev/null
}

# Debian ships Python without venv unless asked. -S and -E keep this look fast.
has_python_venv() {
    has python3 && python3 -S -E -c '
import importlib.util as util, sys
sys.exit(not all(map(util.find_spec, ("venv", "ensurepip"))))'
}

# Old ones lack the test runner and fetch.
has_node() { has node && node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)'; }

# find_missing_packages run|test|lint
find_missing_packages() {
    { has c++ && has cc && has make; } || need 'build-essential' 'C and C++ compiler and make: compile llama.cpp'
    has cmake || need 'cmake' "llama.cpp's build system"
    has_libclang || need 'libclang-dev' "bindgen reads llama.cpp's headers through libclang"
    has_python_venv || need 'python3 python3-venv' 'pip fetches the models; the client tests are in Python'
    has git || need 'git' 'the source tree'
    [ "$1" != test ] || { has_node && has npm; } || need 'nodejs npm' 'the client tests in JavaScript (Node.js 18 or newer)'
}

# The command that installs, as root, by sudo, or (empty) not by us.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        printf 'env'
    elif has sudo && sudo -n true 2>/dev/null; then
        printf 'sudo -n env'
    fi
}

install_packages() {
    [ "${#packages[@]}" -eq 0 ] && return 0
    say "Missing on this machine:"
    printf '%s\n' "${reasons[@]}" >&2
    if ! has apt-get; then
        die 2 "this is no Debian or Ubuntu; install the equivalents with your package manager and run this again"
    fi
    local prefix
    prefix=$(as_root)
    if [ -z "$prefix" ]; then
        say "Installing needs root. Run this, then try again:"
        say "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages[*]}"
        exit 2
    fi
    say "Installing with apt-get: ${packages[*]} (about a minute)"
    # A list that is out of date makes the install fail; a source that is down need not.
    $prefix DEBIAN_FRONTEND=noninteractive apt-get update -q >&2 || say "apt-get update failed; trying with the lists at hand"
    $prefix DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}" >&2 ||
        die 2 "apt-get could not install: ${packages[*]}"
}

# Rust is installed for a user, with an installer of its own choosing: said, not done.
check_cargo() {
    local wanted have
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! has cargo; then
        die 2 "cargo is missing: install Rust with rustup ('rustup toolchain install stable'), then run this again"
    fi
    have=$(cargo --version | cut -d' ' -f2)
    if [ "$(printf '%s\n%s\n' "$wanted" "$have" | sort -V | head -n 1)" != "$wanted" ]; then
        die 2 "cargo is $have, rein needs $wanted or newer: run 'rustup update stable'"
    fi
}

# cargo_tool NAME MINUTES WHY: builds a cargo subcommand once, into the cache.
cargo_tool() {
    has "$1" && return 0
    say "$1 is missing ($3): building it once into $tools_dir (about $2 minutes on 2 cores)"
    # Its own target directory: rein's is not for tools. CARGO_TARGET_DIR would be used otherwise.
    CARGO_TARGET_DIR="$rein_cache/tools-build" cargo install "$1" --locked --root "$tools_dir" >&2 ||
        die 2 "could not build $1; run 'cargo install $1 --locked' to see why"
    rm -rf "$rein_cache/tools-build"
}

help_if_asked "$@"
case "${1:-run}" in
run | test | lint) ;;
*) die 64 "unknown argument '$1'; see scripts/setup.sh --help" ;;
esac

find_missing_packages "${1:-run}"
install_packages
check_cargo
case "${1:-run}" in
test) cargo_tool cargo-nextest 10 'runs the tests, each in a process of its own' ;;
lint) cargo_tool cargo-deny 4 'checks the licences and origins of what is linked' ;;
esac
