#!/bin/sh
# Calls between a panel and a client written from docs/protocol.md: tests/client/run.sh BIN-DIRECTORY [NAME …]
# BIN-DIRECTORY holds callbox and callbox-hub; a NAME is a part of a story's name in stories.py.
# The client's packages come from PyPI on the first run, into target/client.
set -eu
if [ $# -lt 1 ] || [ ! -x "$1/callbox" ] || [ ! -x "$1/callbox-hub" ]; then
    echo "usage: $0 BIN-DIRECTORY [NAME …]: give the directory of a built callbox and callbox-hub" >&2
    exit 2
fi
bin=$(realpath "$1")
shift
here=$(dirname "$(realpath "$0")")
venv=$here/../../target/client/$(sha256sum "$here/requirements.txt" | cut -c 1-16)
if [ ! -f "$venv/complete" ]; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r "$here/requirements.txt"
    touch "$venv/complete"
fi
PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" "$here/run.py" "$bin" "$@"
