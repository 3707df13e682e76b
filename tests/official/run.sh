#!/bin/sh
# Tests tickets both ways against the official libraries: tests/official/run.sh CALLBOX-BINARY [WORK-DIRECTORY]
# Fetches them from PyPI and npm on the first run, into target/official.
set -eu
if [ $# -lt 1 ] || [ ! -x "$1" ]; then
    echo "usage: $0 CALLBOX-BINARY [WORK-DIRECTORY]: give the path of a built callbox" >&2
    exit 2
fi
callbox=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
work=${2:-$here/../../target/official}
mkdir -p "$work"
for list in requirements.txt package.json; do
    cmp -s "$here/$list" "$work/$list" && continue
    if [ $list = requirements.txt ]; then
        python3 -m venv "$work/venv"
        "$work/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/$list"
    else
        (cd "$work" && cp "$here/$list" . && npm install --silent --no-audit --no-fund --no-package-lock) || {
            rm -f "$work/$list"
            echo "npm could not fetch tls-sig-api-v2" >&2
            exit 1
        }
    fi
    cp "$here/$list" "$work/$list"
done
NODE_PATH=$work/node_modules exec "$work/venv/bin/python" "$here/interop.py" "$callbox"
