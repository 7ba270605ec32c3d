#!/usr/bin/env bash
# Checks template, workflows and permission files without an AWS account. Ends at the first step that fails; prints what each took.
set -euo pipefail

cd "$(dirname "$0")"
./tools.sh
exec ../../.tools/aws/bin/python gate.py
