#!/usr/bin/env python3
r"""One deployable zip for each function, the same bit by bit wherever it is packed.

    python3 infra/aws/package.py                        all five, from what was built last
    python3 infra/aws/package.py tencent --out /tmp     one of them, to another folder
    python3 infra/aws/package.py --from target/release  what plain cargo built
    python3 infra/aws/package.py --check infra/aws/.aws-sam/build --architecture arm64
                                                        packs nothing: refuses what `sam build` built for another processor

Build first, without the paths of your machine in the binaries, so that another checkout makes the same ones:

    export RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    cargo lambda build --release --compiler cargo \
      --bin offsite-alibaba --bin offsite-huawei --bin offsite-tencent --bin offsite-report --bin offsite-door

Each binary is looked for as target/lambda/offsite-NAME/bootstrap (cargo lambda), then as target/release/offsite-NAME (cargo). The
same compiler, linker, crate registry and RUSTFLAGS make the same binary. The same binary makes the same zip with every Python,
since it is stored and not compressed: deflate differs between versions of zlib. CodeSha256 is what Lambda shows for it:
`aws lambda get-function-configuration --function-name offsite-tencent --query CodeSha256`.
"""

import argparse
import base64
import hashlib
import os
import pathlib
import re
import struct
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FUNCTIONS = ("alibaba", "huawei", "tencent", "report", "door")
# Source: ELF specification, e_machine, 2026.
MACHINES = {"x86_64": 62, "arm64": 183}
# glibc of the runtime provided.al2023. Source: AWS Lambda Developer Guide, OS-only runtimes; Amazon Linux 2023 packages, 2026.
GLIBC = (2, 34)
BUILD = "cargo lambda build --release --compiler cargo --bin offsite-{function}"


class Refused(Exception):
    """Why there is no zip, and what to do."""


def find(function, folders):
    """The binary of one function, as cargo lambda or cargo leaves it."""
    name = f"offsite-{function}"
    candidates = [path for folder in folders for path in (folder / name / "bootstrap", folder / name)]
    for path in candidates:
        if path.is_file():
            return path
    looked = " or ".join(str(path) for path in candidates)
    raise Refused(f"there is no binary of {name}: looked for {looked}. Build it: {BUILD.format(function=function)}")


def check(binary, path, architecture):
    """Refuses what Lambda could not start: a file that is no program, of another processor, or for a newer C library."""
    if len(binary) < 64 or binary[:4] != b"\x7fELF":
        raise Refused(f"{path} is not an ELF binary: Lambda runs Linux. Build it on Linux, or with cargo lambda")
    if binary[4:6] != b"\x02\x01":
        raise Refused(f"{path} is not a 64-bit little-endian program")
    kind, machine = struct.unpack_from("<HH", binary, 16)
    if kind not in (2, 3):
        raise Refused(f"{path} is an object file or a core, not a program")
    if machine != MACHINES[architecture]:
        found = {number: name for name, number in MACHINES.items()}.get(machine, f"ELF machine {machine}")
        raise Refused(f"{path} is for {found}, not {architecture}. Give --architecture, and the template's Architecture, "
                      "as it was built")
    versions = re.findall(rb"\0GLIBC_(\d+)\.(\d+)(?=[.\0])", binary)
    needs = max(((int(major), int(minor)) for major, minor in versions), default=(0, 0))
    if needs > GLIBC:
        raise Refused(f"{path} needs glibc {needs[0]}.{needs[1]}, and provided.al2023 has {GLIBC[0]}.{GLIBC[1]}. Build it on an "
                      "older system (Debian 12), or leave out --compiler cargo: then cargo lambda links through zig")


def built_by_sam(folder):
    """Each function's binary, as `sam build` leaves it below its folder."""
    found = sorted(folder.glob("*/bootstrap"))
    if not found:
        raise Refused(f"there is no */bootstrap in {folder}. Give the folder that `sam build --beta-features` wrote: infra/aws/.aws-sam/build")
    return found


def pack(binary, target):
    """Writes the zip: one entry, executable, nothing in it that depends on time, place or person."""
    entry = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3  # Unix, on whatever system this runs: else the mode below would be lost.
    entry.external_attr = (0o100755) << 16
    entry.compress_type = zipfile.ZIP_STORED
    unfinished = target.with_name(target.name + ".part")
    with zipfile.ZipFile(unfinished, "w") as archive:
        archive.writestr(entry, binary)
    os.replace(unfinished, target)
    return hashlib.sha256(target.read_bytes()).digest()


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(prog="package.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("function", nargs="*", help="alibaba, huawei, tencent, report, door; all five unless named")
    parser.add_argument("--from", dest="source", type=pathlib.Path, metavar="DIR",
                        help="where the binaries are, as offsite-NAME/bootstrap or offsite-NAME")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("dist"), metavar="DIR", help="where the zips go (dist)")
    parser.add_argument("--architecture", choices=MACHINES, default="x86_64", help="what the binaries must be built for (x86_64)")
    parser.add_argument("--check", type=pathlib.Path, metavar="DIR",
                        help="packs nothing, and checks each function below DIR, as `sam build` leaves them")
    given = parser.parse_args(arguments)
    if given.check and (given.function or given.source):
        parser.error("--check looks at every function of its folder: leave out names and --from")
    for function in given.function:
        if function not in FUNCTIONS:
            parser.error(f"there is no function for {function!r}: {', '.join(FUNCTIONS)}")
    folders = [given.source] if given.source else [ROOT / "target/lambda", ROOT / "target/release"]
    try:
        if given.check:
            for path in built_by_sam(given.check):
                check(path.read_bytes(), path, given.architecture)
                print(f"{path}  for {given.architecture}")
            return 0
        # All are read and checked before the first is written.
        found = [(function, find(function, folders)) for function in given.function or FUNCTIONS]
        binaries = [(function, path, path.read_bytes()) for function, path in found]
        for _, path, binary in binaries:
            check(binary, path, given.architecture)
        given.out.mkdir(parents=True, exist_ok=True)
        for function, path, binary in binaries:
            target = given.out / f"offsite-{function}.zip"
            digest = pack(binary, target)
            print(f"{target}  {target.stat().st_size} bytes, from {path}")
            print(f"  SHA-256 {digest.hex()}  CodeSha256 {base64.b64encode(digest).decode()}")
    except (Refused, OSError) as problem:
        print(f"package.py: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
