#!/usr/bin/env bash
# Installs what the gate runs on: Python packages into .tools/aws, npm packages into tests/aws/node_modules, both as pinned here.
# Does nothing when they are there.
set -euo pipefail

cd "$(dirname "$0")/../.."
venv=$PWD/.tools/aws
cargo_lambda=1.9.2
wanted=$(cat tests/aws/tools.sh tests/aws/requirements.txt tests/aws/constraints.txt tests/aws/package-lock.json | sha256sum)

for tool in python3 node npm; do
    if ! command -v "$tool" >/dev/null; then
        echo "$tool is missing: install Python 3.10 or later with venv, and Node.js 20 or later with npm" >&2
        exit 1
    fi
done
if [[ -x $venv/bin/python && -d tests/aws/node_modules && "$(cat "$venv/installed" 2>/dev/null)" == "$wanted" ]]; then
    exit 0
fi
rm -rf "$venv"
if ! python3 -m venv "$venv"; then
    echo "python3 cannot make a virtual environment: install the package python3-venv" >&2
    exit 1
fi
"$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/aws/requirements.txt
# Its runtime and its calls are what is tried; the linker that it depends on is not, and has 80 MB.
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "cargo-lambda==$cargo_lambda"
(cd tests/aws && npm ci --no-audit --no-fund --silent)
printf '%s' "$wanted" >"$venv/installed"
