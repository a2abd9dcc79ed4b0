#!/bin/sh
# Sets up one part of the environment; the Makefile calls it and keeps a stamp per part, so that a second run is quick.
#   scripts/setup.sh python            the virtual environment in .venv
#   scripts/setup.sh packages FILE     the Python packages of a lockfile, checked by hash
#   scripts/setup.sh node              the browser libraries of package-lock.json, in node_modules
# What is missing on the machine is installed where that is possible (as root on Debian or Ubuntu), else the line to type is printed.
set -eu
cd "$(dirname "$0")/.."
venv=.venv

say() { printf '%s\n' "$*"; }
stop() { printf '%s\n' "$*" >&2; exit 1; }

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

apt_install() {
    can_install || return 1
    say "Installing Debian packages: $*"
    log=$(mktemp)
    if ! { DEBIAN_FRONTEND=noninteractive apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null
    then
        tail -n 5 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

good_python() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
has_venv() { "$1" -c 'import venv, ensurepip' >/dev/null 2>&1; }

find_python() {
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 && good_python "$name"; then
            python=$name
            return 0
        fi
    done
    return 1
}

make_python() {
    find_python || { apt_install python3 python3-venv && find_python; } || stop \
        "Huiyin needs Python 3.11 or newer. On Debian or Ubuntu type: sudo apt-get install python3 python3-venv" \
        "Elsewhere install it from your system's packages; PYTHON=/path/to/python3 make setup names one."
    if ! has_venv "$python"; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        apt_install "python$version-venv" && has_venv "$python" || stop \
            "Python's venv module is missing. On Debian or Ubuntu type: sudo apt-get install python$version-venv"
    fi
    if ! { [ -x "$venv/bin/python" ] && good_python "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; }; then
        say "Making $venv with $("$python" --version)"
        rm -rf "$venv"
        "$python" -m venv "$venv"
    fi
}

install_packages() {
    say "Installing the Python packages of $1 (the first time takes about a minute)"
    # PIP_USE_PEP517: an older pip builds as a newer one does, without a warning; a newer one does not know the name.
    PIP_USE_PEP517=1 "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --requirement "$1"
}

good_npm() { command -v npm >/dev/null 2>&1 && [ "$(npm --version 2>/dev/null | cut -d. -f1)" -ge 9 ] 2>/dev/null; }

install_node_modules() {
    if ! good_npm; then
        PATH="$PWD/$venv/bin:$PATH"
        export PATH
        if ! good_npm; then
            say "npm 9 or newer is not here; putting Node.js into $venv (about 60 MB)"
            install_packages requirements-node.txt || apt_install nodejs npm || true
        fi
        good_npm || stop "Huiyin's browser libraries need npm 9 or newer. On Debian or Ubuntu type: sudo apt-get install nodejs npm"
    fi
    say "Installing the browser libraries of package-lock.json"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
}

case "${1:-}" in
    python) make_python ;;
    packages) install_packages "$2" ;;
    node) install_node_modules ;;
    *) stop "use: scripts/setup.sh python | packages FILE | node" ;;
esac
