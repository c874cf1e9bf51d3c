"""A virtual environment for each peer, created on first use from pinned requirements."""

import hashlib
import subprocess
import sys
from pathlib import Path

__all__ = ["HERE", "interpreter"]

HERE = Path(__file__).parent
_CACHE = HERE.parents[1] / ".bench"


def interpreter(peer: str) -> Path:
    """The Python of the peer's environment. The first call takes half a minute and needs the package index."""
    requirements = HERE / f"requirements-{peer}.txt"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = _CACHE / f"{peer}-{digest}"
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]
        subprocess.run(install, check=True)
        ready.touch()
    return python
