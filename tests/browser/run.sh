#!/usr/bin/env bash
# The report's page in a real browser: builds its samples, opens them in Debian's Chromium, leaves screenshots in
# target/report-page/. Needs cargo, node 20 or later and npm; installs Chromium with apt where it is missing.
set -euo pipefail

cd "$(dirname "$0")/../.."
chromium=/usr/bin/chromium
out=$PWD/target/report-page

for tool in cargo node npm; do
    if ! command -v "$tool" >/dev/null; then
        echo "$tool is missing: install Rust (cargo) and Node.js 20 or later (node, npm)" >&2
        exit 1
    fi
done
if [[ ! -x $chromium ]]; then
    as_root=()
    [[ $(id -u) -eq 0 ]] || as_root=(sudo)
    if ! { "${as_root[@]}" apt-get update -qq &&
        "${as_root[@]}" apt-get install -y -qq --no-install-recommends chromium; } >&2; then
        echo "$chromium is missing and apt could not install it: install the Debian package chromium" >&2
        exit 1
    fi
fi

mkdir -p "$out"
for sample in rich holds unknown grey empty large; do
    cargo run --quiet -p offsite --example report_page -- "$out/$sample.html" "$sample"
done
cargo run --quiet -p offsite --example report_page -- "$out/rich-zh.html" rich zh
cd tests/browser
npm ci --no-audit --no-fund
PAGES=$out CHROMIUM=$chromium node --test --test-reporter=spec page.test.mjs
