#!/usr/bin/env python3
"""Holds each function's binary to its size, and says what grew where one is too large.

    tests/size/check.py            compares target/release with budget.json
    tests/size/check.py --write    writes what is there now into budget.json, with a fiftieth to spare

Counted is what Lambda loads: the bytes of the binary, and of a zip of it by deflate, level 9. Where one is over its budget, the function
is linked once more with its symbols (into target/size; some minutes), and what each crate has in it is held against what it had when the
budget was written. Standard library, cargo and nm only.
"""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUDGET = pathlib.Path(__file__).with_name("budget.json")
FUNCTIONS = ("offsite-alibaba", "offsite-door", "offsite-huawei", "offsite-report", "offsite-tencent")
SPARE = 50
SHOWN = 12


def zipped(content):
    return len(zlib.compress(content, 9))


def measured(folder):
    sizes = {}
    for name in FUNCTIONS:
        path = folder / name
        if not path.is_file():
            build = "cargo build --release " + " ".join(f"-p {each}" for each in FUNCTIONS)
            raise SystemExit(f"{path} is not there. Build it: {build}")
        content = path.read_bytes()
        sizes[name] = {"binary": len(content), "zip": zipped(content)}
    return sizes


def crates(name):
    """The bytes of machine code of each crate in a function, by the symbols of a binary that keeps them."""
    target = ROOT / "target/size"
    environment = dict(os.environ, CARGO_PROFILE_RELEASE_STRIP="none", CARGO_TARGET_DIR=str(target))
    environment["RUSTFLAGS"] = (os.environ.get("RUSTFLAGS", "") + " -Csymbol-mangling-version=v0").strip()
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", name], cwd=ROOT, env=environment, check=True)
    listed = subprocess.run(
        ["nm", "--print-size", "--radix=d", "--demangle", str(target / "release" / name)],
        capture_output=True, text=True, check=True,
    ).stdout
    found = collections.Counter()
    for line in listed.splitlines():
        match = re.match(r"\d+ (\d+) [tTwW] (.*)", line)
        if match:
            found[crate_of(match[2])] += int(match[1])
    return {crate: size for crate, size in found.most_common() if size >= 1_000}


def crate_of(symbol):
    """The crate that brought a piece of code: of generic code the one whose type it is for, where that is ours."""
    ours = re.search(r"\boffsite_\w+(?:::\w+)?", symbol)
    if ours:
        return ours[0]
    first = re.match(r"[<&\[(*]*(?:mut |dyn |const )*([A-Za-z_]\w*)::", symbol)
    return first[1] if first else "(C and assembly)"


def grown(name, before):
    now = crates(name)
    steps = {crate: now.get(crate, 0) - before.get(crate, 0) for crate in {*now, *before}}
    ranked = sorted(steps.items(), key=lambda step: -step[1])[:SHOWN]
    return [f"    {step:+9,} bytes of code  {crate}" for crate, step in ranked if step > 0]


def main(arguments):
    folder = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    sizes = measured(folder)
    if arguments == ["--write"]:
        budget = {
            name: {
                **{kind: size + size // SPARE for kind, size in sizes[name].items()},
                "crates": crates(name),
            }
            for name in FUNCTIONS
        }
        BUDGET.write_text(json.dumps(budget, indent=1) + "\n")
        return 0
    if arguments:
        raise SystemExit(__doc__)
    budget = json.loads(BUDGET.read_text())
    failed = False
    for name in FUNCTIONS:
        allowed = budget[name]
        told = [f"{kind} {sizes[name][kind]:,} of {allowed[kind]:,}" for kind in ("binary", "zip")]
        over = [kind for kind in ("binary", "zip") if sizes[name][kind] > allowed[kind]]
        print(f"{name}: {', '.join(told)} bytes{', TOO LARGE' if over else ''}", flush=True)
        if over:
            failed = True
            print("\n".join(grown(name, allowed["crates"])) or "    no code grew: look at data and strings", flush=True)
    if failed:
        print(
            "A function is over its size. Take out what grew, or, where it is worth it, write the budget anew"
            " (tests/size/check.py --write) and say in docs/performance.md what it bought.",
            file=sys.stderr,
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
