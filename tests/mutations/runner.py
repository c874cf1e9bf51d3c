"""Puts mutations into copies of the tree, and runs their tests there."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.mutations.mutation import ROOT, Mutation

__all__ = ["copied_tree", "failed", "survives"]

#: For one test: the machine may be busy, seconds.
LONGEST_SECONDS = 900


@contextmanager
def copied_tree() -> Iterator[Path]:
    """The files of the tree as they stand, without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    with tempfile.TemporaryDirectory(prefix="deskbell-mutant-") as folder:
        for name in listed.stdout.decode().split("\0"):
            if name and (ROOT / name).is_file():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, Path(folder) / name)
        yield Path(folder)


def failed(tree: Path, tests: Sequence[str]) -> tuple[bool, str]:
    """Whether one of the tests failed there, and what pytest said. Raises RuntimeError if they could not be run."""
    # Nothing compiled may outlive the text that it was made of; and processes that a test starts read this tree too.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "0",
        "-x",
        "-p",
        "no:cacheprovider",
        f"--timeout={LONGEST_SECONDS}",
        *tests,
    ]
    run = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1) or (run.returncode == 1 and "\nFAILED " not in run.stdout):
        raise RuntimeError(run.stdout[-3000:] + run.stderr[-1000:])
    return run.returncode == 1, run.stdout


def survives(mutation: Mutation, tree: Path) -> bool:
    """Whether its test passes although it is in. Leaves the tree as it was."""
    path = tree / mutation.file
    before = path.read_bytes()
    mutation.put_in(tree)
    try:
        return not failed(tree, [mutation.test])[0]
    finally:
        path.write_bytes(before)
