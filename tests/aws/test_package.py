#!/usr/bin/env python3
"""What infra/aws/package.py must do: `python3 tests/aws/test_package.py`."""

import base64
import hashlib
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile

# SHA-256 of what program() becomes, written down so that another Python or system that made other bytes would be seen.
PACKED = "8ad76304b11e40285e12497d860c78e20bd5256881dd8e441c918447f793785c"
SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "infra/aws/package.py"


def program(machine=62, kind=3, width=2, order=1, needs=(b"GLIBC_2.2.5", b"GLIBC_2.34")):
    """The head of an ELF program, and the names of the library versions that it needs."""
    head = b"\x7fELF" + bytes([width, order, 1]) + bytes(9) + struct.pack("<HHI", kind, machine, 1)
    return head.ljust(64, b"\0") + b"\0" + b"\0".join(needs) + b"\0" + b"text" * 100


class Package(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def built(self, place, content, mtime=None, mode=0o600):
        """A binary of the Tencent function at a place."""
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return path

    def run_it(self, *arguments, **environment):
        return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], cwd=self.folder, capture_output=True, text=True,
                              env={**os.environ, **environment}, check=False)

    def refused(self, content, *arguments):
        """The message with which a file is refused; nothing was written then."""
        self.built("from/offsite-tencent", content)
        run = self.run_it("tencent", "--from", "from", *arguments)
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertEqual(run.stdout, "")
        self.assertFalse((self.folder / "dist").exists())
        self.assertEqual(run.stderr.count("\n"), 1, run.stderr)
        return run.stderr

    def test_the_same_binary_gives_the_same_zip_at_another_time_and_place(self):
        self.built("one/offsite-tencent/bootstrap", program(), mtime=1_000_000_000, mode=0o755)
        self.built("another/place/offsite-tencent", program(), mtime=1_700_000_001, mode=0o600)
        first = self.run_it("tencent", "--from", "one", "--out", "a", TZ="UTC", PYTHONHASHSEED="1")
        second = self.run_it("tencent", "--from", "another/place", "--out", "b", TZ="Asia/Shanghai", PYTHONHASHSEED="2")
        self.assertEqual((first.returncode, second.returncode), (0, 0), first.stderr + second.stderr)
        packed = (self.folder / "a/offsite-tencent.zip").read_bytes()
        self.assertEqual(packed, (self.folder / "b/offsite-tencent.zip").read_bytes())
        self.assertEqual(hashlib.sha256(packed).hexdigest(), PACKED)

    def test_another_binary_gives_another_zip(self):
        self.built("from/offsite-tencent", program())
        self.run_it("tencent", "--from", "from", "--out", "a")
        self.built("from/offsite-tencent", program() + b"!")
        self.run_it("tencent", "--from", "from", "--out", "a")
        self.assertNotEqual(hashlib.sha256((self.folder / "a/offsite-tencent.zip").read_bytes()).hexdigest(), PACKED)

    def test_the_zip_holds_one_executable_bootstrap(self):
        self.built("from/offsite-tencent", program())
        self.assertEqual(self.run_it("tencent", "--from", "from").returncode, 0)
        with zipfile.ZipFile(self.folder / "dist/offsite-tencent.zip") as archive:
            self.assertIsNone(archive.testzip())
            (entry,) = archive.infolist()
            self.assertEqual(archive.read(entry), program())
        self.assertEqual((entry.filename, entry.create_system, entry.external_attr >> 16), ("bootstrap", 3, 0o100755))
        self.assertEqual((entry.date_time, entry.compress_type), ((1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED))
        self.assertEqual([path.name for path in (self.folder / "dist").iterdir()], ["offsite-tencent.zip"])

    def test_it_tells_name_size_and_both_forms_of_the_hash(self):
        self.built("from/offsite-tencent", program())
        told = self.run_it("tencent", "--from", "from").stdout
        packed = (self.folder / "dist/offsite-tencent.zip").read_bytes()
        digest = hashlib.sha256(packed).digest()
        for part in ("dist/offsite-tencent.zip", f"{len(packed)} bytes", digest.hex(), base64.b64encode(digest).decode()):
            self.assertIn(part, told)

    def test_all_five_are_packed_each_from_its_own_binary(self):
        for name in ("alibaba", "huawei", "tencent", "report", "door"):
            self.built(f"from/offsite-{name}/bootstrap", program() + name.encode())
        self.assertEqual(self.run_it("--from", "from").returncode, 0)
        for name in ("alibaba", "huawei", "tencent", "report", "door"):
            with zipfile.ZipFile(self.folder / f"dist/offsite-{name}.zip") as archive:
                self.assertEqual(archive.read("bootstrap"), program() + name.encode())
        self.assertEqual(sorted(path.name for path in (self.folder / "dist").iterdir()),
                         ["offsite-alibaba.zip", "offsite-door.zip", "offsite-huawei.zip", "offsite-report.zip", "offsite-tencent.zip"])

    def test_a_missing_binary_names_the_command_that_builds_it_and_writes_nothing(self):
        self.built("from/offsite-alibaba", program())
        run = self.run_it("--from", "from")
        self.assertEqual(run.returncode, 1)
        self.assertIn("there is no binary of offsite-huawei", run.stderr)
        self.assertIn("cargo lambda build --release --compiler cargo --bin offsite-huawei", run.stderr)
        self.assertFalse((self.folder / "dist").exists())

    def test_a_text_file_is_refused(self):
        self.assertIn("is not an ELF binary", self.refused(b"#!/bin/sh\n" + b"echo hello\n" * 20))

    def test_an_empty_or_cut_file_is_refused(self):
        for content in (b"", b"\x7fELF", program()[:63]):
            self.assertIn("is not an ELF binary", self.refused(content))

    def test_another_architecture_is_refused_both_ways(self):
        self.assertIn("is for arm64, not x86_64", self.refused(program(machine=183)))
        self.assertIn("is for x86_64, not arm64", self.refused(program(), "--architecture", "arm64"))
        self.assertIn("is for ELF machine 243", self.refused(program(machine=243)))

    def test_arm64_is_packed_when_it_is_asked_for(self):
        self.built("from/offsite-tencent", program(machine=183))
        run = self.run_it("tencent", "--from", "from", "--architecture", "arm64")
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_what_sam_built_for_another_processor_is_refused_before_it_is_deployed(self):
        self.built("build/ReportFunction/bootstrap", program(machine=183))
        self.built("build/template.yaml", b"Resources: {}")
        asked = ("--check", "build", "--architecture", "arm64")
        self.assertEqual(self.run_it(*asked).stdout, "build/ReportFunction/bootstrap  for arm64\n")
        self.built("build/TencentFunction/bootstrap", program())
        run = self.run_it(*asked)
        self.assertEqual((run.returncode, run.stderr.count("\n")), (1, 1))
        self.assertIn("build/TencentFunction/bootstrap is for x86_64, not arm64", run.stderr)
        self.assertFalse((self.folder / "dist").exists())

    def test_a_folder_without_what_sam_built_is_refused(self):
        run = self.run_it("--check", "nothing")
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("there is no */bootstrap in nothing. Give the folder that `sam build --beta-features` wrote", run.stderr)
        self.assertEqual(self.run_it("tencent", "--check", "nothing").returncode, 2)

    def test_32_bits_and_object_files_are_refused(self):
        self.assertIn("64-bit little-endian", self.refused(program(width=1)))
        self.assertIn("64-bit little-endian", self.refused(program(order=2)))
        self.assertIn("object file", self.refused(program(kind=1)))

    def test_a_newer_c_library_than_lambdas_is_refused(self):
        message = self.refused(program(needs=(b"GLIBC_2.2.5", b"GLIBC_2.38", b"GLIBC_2.9")))
        self.assertIn("needs glibc 2.38, and provided.al2023 has 2.34", message)

    def test_an_unknown_cloud_is_refused(self):
        run = self.run_it("azure", "--from", "from")
        self.assertEqual(run.returncode, 2)
        self.assertIn("alibaba, huawei, tencent, report", run.stderr)


if __name__ == "__main__":
    unittest.main()
