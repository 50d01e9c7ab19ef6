# Sourced by demo.sh and test.sh, which set EXTRAS: makes a virtual environment ready to run robonav with these.
# Takes a moment when it already is.
#   bash launch/test.sh --python 3.13        # another Python, in .venv-3.13
#   PYTHON=python3.12 bash launch/demo.sh    # another interpreter, in .venv
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
VENV=.venv
if [ "${1:-}" = --python ]; then
    PYTHON=python${2:?a version, as in --python 3.13} VENV=.venv-$2
    shift 2 # what remains are the caller's own options
fi
VENV_PYTHON=$VENV/bin/python

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'robonav: error: %s\n' "$*" >&2; exit 1; }

install_system_packages() { # names of Debian/Ubuntu packages
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "missing system packages, installing them: $*"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    else
        fail "missing system packages; install them and run this again: sudo apt-get install $*"
    fi
}

require_python() {
    PYTHON=${PYTHON:-python3}
    if [ "$PYTHON" = python3 ]; then
        command -v python3 >/dev/null || install_system_packages python3 python3-venv
    fi
    command -v "$PYTHON" >/dev/null || fail "$PYTHON was not found; install it, or set PYTHON=/path/to/python3"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
        || fail "Python 3.10 or newer is needed, $PYTHON is $("$PYTHON" -V 2>&1); set PYTHON=/path/to/python3"
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || install_system_packages python3-venv
}

install_torch() { # first and alone, so that nothing else pulls in a CUDA build
    local version
    version=$(sed -n 's/^torch==//p' constraints.txt)
    if [ "$(uname -s)" != Linux ] || command -v nvidia-smi >/dev/null; then
        "$VENV_PYTHON" -m pip install -qq -c constraints.txt torch
    else
        "$VENV_PYTHON" -m pip install -qq "torch==$version+cpu" 2>/dev/null \
            || "$VENV_PYTHON" -m pip install -qq "torch==$version" --index-url https://download.pytorch.org/whl/cpu
    fi
}

install_package() {
    local wanted ready="$VENV/robonav-ready-$EXTRAS"
    wanted=$(cat pyproject.toml constraints.txt <(pwd) | cksum)
    if [ -x "$VENV_PYTHON" ] && [ "$(cat "$ready" 2>/dev/null)" = "$wanted" ]; then return; fi
    say "making $VENV (some minutes the first time)"
    [ -x "$VENV_PYTHON" ] || "$PYTHON" -m venv "$VENV"
    "$VENV_PYTHON" -m pip install -qq -c constraints.txt "setuptools>=77" wheel
    say "installing torch"
    install_torch
    say "installing robonav and what it needs"
    "$VENV_PYTHON" -m pip install -qq -c constraints.txt -e ".[$EXTRAS]"
    echo "$wanted" >"$ready"
}

require_libraries() { # what Open3D links to and the system does not have, where it is installed
    [ "$(uname -s)" = Linux ] && compgen -G "$VENV/lib/python3*/site-packages/open3d" >/dev/null || return 0
    local missing library packages=""
    missing=$(ldd "$VENV"/lib/python3*/site-packages/open3d/pybind*.so | awk '/not found/ {print $1}' | sort -u)
    for library in $missing; do
        case $library in
            libGL.so.1) packages+=" libgl1" ;;
            libEGL.so.1) packages+=" libegl1" ;;
            libX11.so.6) packages+=" libx11-6" ;;
            libusb-1.0.so.0) packages+=" libusb-1.0-0" ;;
            libudev.so.1) packages+=" libudev1" ;;
            libidn2.so.0) packages+=" libidn2-0" ;;
            libgomp.so.1) packages+=" libgomp1" ;;
            *) fail "Open3D needs $library, which this system does not have; install the package that holds it" ;;
        esac
    done
    # shellcheck disable=SC2086  # one word a package
    [ -z "$packages" ] || install_system_packages $packages
}

require_browser() { # for the tests of the viewer, which are skipped without one
    local name
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name" >/dev/null; then return; fi
    done
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        install_system_packages chromium || say "Chromium could not be installed: tests in a browser are skipped"
    fi
}

require_python
install_package
require_libraries
