"""Makes the zip that Lambda takes of a compiled function: `pack.py BINARY ZIP`.

The binary is stripped and lies in it as `bootstrap`, executable, with a fixed time.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile


def main(binary: str, target: str) -> None:
    if not shutil.which("strip"):
        sys.exit("strip is missing: install binutils, which comes with a C compiler")
    with tempfile.TemporaryDirectory() as folder:
        stripped = pathlib.Path(folder) / "bootstrap"
        subprocess.run(["strip", "-o", str(stripped), binary], check=True)
        entry = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))
        entry.external_attr = 0o100755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(target, "w", compresslevel=1) as archive:
            archive.writestr(entry, stripped.read_bytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
