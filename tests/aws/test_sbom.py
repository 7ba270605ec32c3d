#!/usr/bin/env python3
"""What infra/aws/sbom.py must do: `python3 tests/aws/test_sbom.py`."""

import json
import pathlib
import subprocess
import sys
import tempfile
import tomllib
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "infra/aws/sbom.py"


def reached(function):
    """Every crate of the lock file that a function's normal and build dependencies lead to on Linux, by cargo's resolution."""
    run = subprocess.run(["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu",
                          "--manifest-path", str(ROOT / f"functions/{function}/Cargo.toml")],
                         capture_output=True, text=True, check=True)
    data = json.loads(run.stdout)
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    names = {package["id"]: (package["name"], package["version"]) for package in data["packages"]}
    waiting = [key for key, (name, _) in names.items() if name == f"offsite-{function}"]
    found = set()
    while waiting:
        key = waiting.pop()
        if key in found:
            continue
        found.add(key)
        for dependency in nodes[key]["deps"]:
            if any(kind["kind"] in (None, "build") for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return {names[key] for key in found}


class Bill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            texts = []
            for folder in (first, second):
                subprocess.run([sys.executable, SCRIPT, "tencent", "--out", folder], cwd=folder, check=True, capture_output=True)
                texts.append((pathlib.Path(folder) / "offsite-tencent.cdx.json").read_text(encoding="utf-8"))
        cls.texts = texts
        cls.bill = json.loads(texts[0])
        cls.named = {(one["name"], one["version"]): one for one in cls.bill["components"]}

    def test_it_is_the_same_file_at_another_time_and_place(self):
        self.assertEqual(*self.texts)

    def test_it_is_a_cyclonedx_file(self):
        self.assertEqual((self.bill["bomFormat"], self.bill["specVersion"], self.bill["version"]), ("CycloneDX", "1.5", 1))
        self.assertRegex(self.bill["serialNumber"], r"^urn:uuid:[0-9a-f-]{36}$")
        self.assertEqual(self.bill["metadata"]["component"]["name"], "offsite-tencent")
        for one in self.bill["components"]:
            self.assertEqual(one["purl"], f"pkg:cargo/{one['name']}@{one['version']}")

    def test_it_names_every_crate_of_the_function_and_none_of_the_tests(self):
        itself = {("offsite-tencent", self.bill["metadata"]["component"]["version"])}
        every = set(self.named) | itself
        # cargo resolves features for the whole workspace here, so it may reach a crate more that this function leaves out, never one less.
        self.assertLessEqual(every, reached("tencent"))
        tree = subprocess.run(["cargo", "tree", "--locked", "-p", "offsite-tencent", "--target", "x86_64-unknown-linux-gnu", "-e",
                               "normal,build", "--prefix", "depth", "--format", " {p}"], cwd=ROOT, capture_output=True, text=True, check=True)
        in_tree = {(words[1], words[2][1:]) for words in map(str.split, tree.stdout.splitlines()) if len(words) > 2}
        self.assertEqual(every, in_tree)
        for name in ("tokio", "reqwest", "rustls", "ring", "serde_json", "jiff", "offsite-shared", "lambda_runtime"):
            self.assertTrue(any(found == name for found, _ in self.named), name)
        for name in ("proptest", "rusqlite", "axum", "offsite-simulators", "jsonschema"):
            self.assertFalse(any(found == name for found, _ in self.named), name)

    def test_each_crate_has_its_licence_and_the_checksum_of_the_lock_file(self):
        lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))["package"]
        checksums = {(package["name"], package["version"]): package.get("checksum") for package in lock}
        for crate, one in self.named.items():
            self.assertIn(crate, checksums)
            wanted = checksums[crate]
            self.assertEqual([entry["content"] for entry in one.get("hashes", [])], [wanted] if wanted else [], crate)
            self.assertTrue(one["licenses"][0]["expression"], crate)
        macros = self.named[next(crate for crate in self.named if crate[0] == "serde_derive")]
        self.assertEqual(macros["scope"], "excluded")
        self.assertEqual(self.named[next(crate for crate in self.named if crate[0] == "ring")]["scope"], "required")

    def test_dependencies_name_components(self):
        references = {one["bom-ref"] for one in self.bill["components"]} | {self.bill["metadata"]["component"]["bom-ref"]}
        for one in self.bill["dependencies"]:
            self.assertIn(one["ref"], references)
            self.assertLessEqual(set(one["dependsOn"]), references)
        whole = {one["ref"]: one["dependsOn"] for one in self.bill["dependencies"]}
        self.assertIn("pkg:cargo/offsite-shared@0.1.0", whole["pkg:cargo/offsite-tencent@0.1.0"])


if __name__ == "__main__":
    unittest.main()
