#!/usr/bin/env bash
# What a release consists of, in dist/: a zip for each function, the command with its manual pages and documents, a bill of material for
# each, and SHA256SUMS over all. Needs Rust, a C compiler, Python 3.11 and the crate registry. The same compiler makes the same files.
set -euo pipefail

cd "$(dirname "$0")/.."
out=$PWD/dist
# Wherever this machine has cargo put what it builds.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
built=$CARGO_TARGET_DIR/release
machine=$(uname -m)
case $machine in
    x86_64) architecture=x86_64 ;;
    aarch64) architecture=arm64 ;;
    *) echo "Lambda has no $machine: build on x86_64 or aarch64" >&2 && exit 1 ;;
esac
# Without the paths of this machine, so that another checkout makes the same binaries.
export RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"

rm -rf "$out"
mkdir -p "$out"
cargo build --release --locked -p offsite-alibaba -p offsite-huawei -p offsite-tencent -p offsite-report -p offsite-door -p offsite
python3 infra/aws/package.py --from "$built" --architecture "$architecture" --out "$out"
python3 infra/aws/sbom.py alibaba huawei tencent report door command --out "$out"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
# With the documents that its messages name, and what they have people install.
mkdir -p "$stage/offsite/man" "$stage/offsite/infra"
cp "$built/offsite" LICENSE README.md README.zh-CN.md CHANGELOG.md SECURITY.md "$stage/offsite"
cp -r docs events schemas "$stage/offsite"
cp -r infra/systemd "$stage/offsite/infra"
"$built/offsite" man --to "$stage/offsite/man" >/dev/null
tar --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime=@0 -C "$stage" -cf - offsite | gzip -n >"$out/offsite-linux-$machine.tar.gz"

(cd "$out" && sha256sum -- * >SHA256SUMS)
cat "$out/SHA256SUMS"
