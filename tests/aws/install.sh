#!/usr/bin/env bash
# Installs the pinned Python tools of the AWS suite and the template's gate into .tools/aws, which git ignores. Does nothing where they
# are there already. Needs python3 with venv, and PyPI.
set -euo pipefail

cd "$(dirname "$0")/../.."
folder=.tools/aws
wanted=(tests/aws/requirements.txt tests/aws/constraints.txt)

if cat "${wanted[@]}" | cmp -s - "$folder/installed.txt"; then
    exit 0
fi
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "${wanted[0]}" --constraint "${wanted[1]}"
cat "${wanted[@]}" >"$folder/installed.txt"
