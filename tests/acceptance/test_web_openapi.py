"""Schemathesis over the whole OpenAPI document, against a running server: every check, a bounded number of examples."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from tests.acceptance.installation import Installation
from tests.acceptance.web_process import WebProcess
from tests.few import TIMES

__all__: list[str] = []

#: For each operation and phase. More take minutes: EXAMPLES_TIMES asks for them, as of the models.
EXAMPLES = 3 * TIMES
#: The same examples in each run: with some seeds Schemathesis fails at a file of its own making ("Unsupported type:
#: 'Binary'").
SEED = 1
#: Of the name that stands in the document's example, so that examples of bodies reach a hook.
HOOKS = """
[hook.oncall]
use = "generic"
to = "ou_ada"
"""
#: A schema cannot say which desks there are, what a message may hold, or which times lie ahead: then it is a 422.
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429"]
"""


@pytest.mark.timeout(600)
def test_the_server_does_what_its_document_says(new_installation: Callable[..., Installation], tmp_path: Path) -> None:
    installation = new_installation(workers=0)
    _, secret = ApiKeys(installation.ledger).create("schemathesis", frozenset(Scope), None, None, by="test")
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    hooks = tmp_path / "hooks.toml"
    hooks.write_text(HOOKS)
    with WebProcess(
        installation.folder, {**installation.environment, "DESKBELL_HOOKS": str(hooks)}, "--access-log"
    ) as web:
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "--no-color"),
            *("run", f"{web.url}/openapi.json", "--checks", "all", "--max-examples", str(EXAMPLES), "--no-shrink"),
            *("--seed", str(SEED)),
            *("--continue-on-failure", "--header", f"Authorization: Bearer {secret}"),
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=570, check=False)
        log = web.log.read_text("utf-8", "replace")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a request failed" not in log
    assert "Traceback" not in log
    assert secret not in log
    assert "POST /v1/hooks/oncall 202" in log
