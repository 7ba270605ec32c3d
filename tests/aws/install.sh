#!/usr/bin/env bash
# Installs the pinned Python tools of the AWS suite into .tools/aws, which git ignores. Does nothing where they are there already.
set -euo pipefail

cd "$(dirname "$0")/../.."
folder=.tools/aws
wanted=tests/aws/requirements.txt

if cmp -s "$wanted" "$folder/installed.txt"; then
    exit 0
fi
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$wanted"
"$folder/bin/pip" check
cp "$wanted" "$folder/installed.txt"
