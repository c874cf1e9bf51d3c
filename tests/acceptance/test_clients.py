"""Clients that generators make of the OpenAPI document call every operation of a running server once.

`clients/` has the programs, and `node_modules` for them; the generator for Python has an environment of its own,
`.clients` beside `.venv`. `.ci/run` installs both.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.delivery_options import ReceiveType
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.states import Outcome, State
from tests.acceptance.installation import Installation
from tests.acceptance.web_process import WebProcess

__all__: list[str] = []

CLIENTS = Path(__file__).parent / "clients"
PYTHON = Path(__file__).resolve().parents[2] / ".clients/bin/python"
NODE_MODULES = CLIENTS / "node_modules"
#: Of one program, which starts for seconds where others use the processors.
SECONDS = 180
VERIFICATION = "verification-token-of-the-test"
HOOKS = """
[hook.oncall]
use = "generic"
to = "ou_ada"
[hook.builds]
use = "feishu-bot"
to = "ou_ada"
"""


class Server(NamedTuple):
    document: Path
    operations: dict[str, str]  #: ids by method and path
    environment: dict[str, str]  #: of a client


def needed(*paths: Path | str) -> None:
    """Skips where something is missing; in CI that is a failure."""
    missing = [str(each) for each in paths if not (shutil.which(str(each)) or Path(each).exists())]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"no {' and no '.join(missing)} on this machine: .ci/run fetches what the clients need")
    assert not missing, f"CI needs {missing}"


@pytest.fixture
def server(new_installation: Callable[..., Installation], tmp_path: Path) -> Iterator[Server]:
    hooks = tmp_path / "hooks.toml"
    hooks.write_text(HOOKS)
    given = {"DESKBELL_HOOKS": str(hooks), "DESKBELL_VERIFICATION_TOKEN": VERIFICATION}
    site = new_installation(workers=0, **given)
    keys = ApiKeys(site.ledger)
    secrets = [keys.create(name, frozenset(Scope), None, None, by="test")[1] for name in ("author", "approver")]
    environment = {
        "KEY": secrets[0],
        "APPROVER": secrets[1],
        "VERIFICATION": VERIFICATION,
        "PATH": os.environ["PATH"],
        "FAILED": ended(site.ledger, State.FAILED, Outcome.REFUSED),
        "UNKNOWN": ended(site.ledger, State.UNKNOWN, Outcome.UNKNOWN),
    }
    with WebProcess(site.folder, site.environment) as web:
        document = requests.get(f"{web.url}/openapi.json", timeout=60).json()
        (tmp_path / "openapi.json").write_text(json.dumps(document))
        yield Server(tmp_path / "openapi.json", operations_of(document), {**environment, "DESKBELL": web.url})


def operations_of(document: dict[str, Any]) -> dict[str, str]:
    return {
        f"{method.upper()} {path}": operation["operationId"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def ended(ledger: Ledger, state: State, outcome: Outcome) -> str:
    """The id of a notification that has come to this state by one attempt."""
    [found] = ledger.accept([Notification.build({"receiver_id": "ou_ada", "text": "Disk full"})])
    leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000)
    desk = ledger.settings.desk("default").model_copy(update={"rate": ()})
    [released] = leases.release([(desk, 10, 10)])
    now_ms, [claim] = leases.claim(desk, "token", released.ids)
    leases.record(
        desk, "token", [Result(claim.id, state, [Attempt(now_ms, ReceiveType.CHAT, outcome, 154004, 400)])], ""
    )
    return found.id


def run(command: list[str | Path], folder: Path, environment: dict[str, str]) -> list[str]:
    """The lines that it writes to stdout."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.timeout(600)
def test_the_client_of_openapi_python_client_calls_every_operation(server: Server, tmp_path: Path) -> None:
    needed(PYTHON)
    environment = {**server.environment, "PATH": f"{PYTHON.parent}:{os.environ['PATH']}", "PYTHONPATH": str(tmp_path)}
    target = tmp_path / "deskbell_client"
    generate = ["generate", "--path", server.document, "--meta", "none", "--output-path", target, "--fail-on-warning"]
    run([PYTHON, "-m", "openapi_python_client", *generate], tmp_path, environment)
    called = run([PYTHON, CLIENTS / "calls.py"], tmp_path, environment)
    assert sorted(called) == sorted({snake_case(id) for id in server.operations.values()})


@pytest.mark.timeout(600)
def test_the_client_of_openapi_typescript_calls_every_operation(server: Server, tmp_path: Path) -> None:
    needed("node", NODE_MODULES)
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    for name in ("calls.ts", "tsconfig.json", "package.json"):
        shutil.copy(CLIENTS / name, tmp_path)
    tools = NODE_MODULES / ".bin"
    run(
        [tools / "openapi-typescript", server.document, "-o", "schema.d.ts", "--default-non-nullable=false"],
        tmp_path,
        server.environment,
    )
    run([tools / "tsc", "--project", "."], tmp_path, server.environment)
    called = run(["node", "calls.js"], tmp_path, server.environment)
    assert set(called) == server.operations.keys()


def snake_case(id: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in id)
