#!/usr/bin/env python3
"""What each function is made of, as a CycloneDX 1.5 file beside its zip.

    python3 infra/aws/sbom.py                    all five, into dist/
    python3 infra/aws/sbom.py tencent --out /tmp
    python3 infra/aws/sbom.py command            the offsite command

It names every crate that cargo builds into the function, with version, licence and the checksum of Cargo.lock, and what each one
depends on. Crates that only run while it is built (build scripts, macros) have the scope "excluded". Nothing in it depends on time or
place: the same lock file makes the same file.

cargo does the work (`cargo tree`, `cargo metadata`, Cargo.lock); cargo-cyclonedx would be compiled first, for minutes, and writes a time
and a random number into each file.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tomllib
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
FUNCTIONS = ("alibaba", "huawei", "tencent", "report", "door")
# The packages that are not called as the functions are.
PACKAGES = {"command": "offsite"}
TARGET = "x86_64-unknown-linux-gnu"


def cargo(*arguments):
    """What a cargo command prints."""
    run = subprocess.run(["cargo", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(f"sbom.py: cargo {arguments[0]} failed: {run.stderr.strip()}")
    return run.stdout


def package(function):
    """The name of its package."""
    return PACKAGES.get(function, f"offsite-{function}")


def crates(function, edges):
    """Name and version of each crate of a function, by one kind of edge."""
    lines = cargo("tree", "--locked", "--package", package(function), "--target", TARGET, "--edges", edges,
                  "--prefix", "none", "--no-dedupe", "--format", "{p}").splitlines()
    return {tuple(line.split()[:2]) for line in lines if line.strip()}


def sbom(function):
    """The bill of one function."""
    runtime = {(name, version[1:]) for name, version in crates(function, "normal,no-proc-macro")}
    every = {(name, version[1:]) for name, version in crates(function, "normal,build")}
    packages = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET))["packages"]
    known = {(package["name"], package["version"]): package for package in packages}
    locked = {(package["name"], package["version"]): package
              for package in tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))["package"]}

    def reference(crate):
        return f"pkg:cargo/{crate[0]}@{crate[1]}"

    def component(crate):
        found_in, lock = known[crate], locked[crate]
        found = {"type": "library", "bom-ref": reference(crate), "name": crate[0], "version": crate[1],
                 "scope": "required" if crate in runtime else "excluded", "purl": reference(crate)}
        if found_in.get("license"):
            # Some crates still write the old form `MIT/Apache-2.0`.
            found["licenses"] = [{"expression": found_in["license"].replace("/", " OR ")}]
        if "checksum" in lock:
            found["hashes"] = [{"alg": "SHA-256", "content": lock["checksum"]}]
        return found

    def depends(crate):
        wanted = set()
        for text in locked[crate].get("dependencies", []):
            name, *version = text.split()
            wanted |= {other for other in every if other[0] == name and (not version or other[1] == version[0])}
        return {"ref": reference(crate), "dependsOn": sorted(map(reference, wanted))}

    itself = next(crate for crate in every if crate[0] == package(function))
    rest = sorted(every - {itself})
    body = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {**component(itself), "type": "application", "scope": "required"}},
        "components": [component(crate) for crate in rest],
        "dependencies": [depends(crate) for crate in sorted(every)],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    return {**body, "serialNumber": f"urn:uuid:{serial}"}


def main(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(prog="sbom.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("function", nargs="*", help="alibaba, huawei, tencent, report, door; all five unless named; or command")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("dist"), metavar="DIR", help="where the files go (dist)")
    given = parser.parse_args(arguments)
    for function in given.function:
        if function not in (*FUNCTIONS, *PACKAGES):
            parser.error(f"there is no function for {function!r}: {', '.join((*FUNCTIONS, *PACKAGES))}")
    given.out.mkdir(parents=True, exist_ok=True)
    for function in given.function or FUNCTIONS:
        target = given.out / f"{package(function)}.cdx.json"
        bill = sbom(function)
        target.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"{target}  {len(bill['components'])} crates")
    return 0


if __name__ == "__main__":
    sys.exit(main())
