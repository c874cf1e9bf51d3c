"""The library that lets Valkey's clock stand."""

import shutil
import subprocess
from pathlib import Path

__all__ = ["compiled"]

_SOURCE = Path(__file__).parents[1] / "clock_set.c"


def compiled(folder: Path) -> Path:
    """Put into this folder. Raises FileNotFoundError without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise FileNotFoundError("no C compiler (cc)")
    shim = folder / "clock_set.so"
    options = ("-shared", "-fPIC", "-O2", "-Wall", "-Wextra")
    subprocess.run([compiler, *options, "-o", shim, _SOURCE, "-ldl"], check=True, timeout=120)
    return shim
