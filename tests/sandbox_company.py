"""A small company in the sandbox: who works where, and an installation that speaks for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import sandbox
from ledger.settings import Settings

__all__ = ["COMPANY", "company_running"]

#: Ann is in two departments; Cat is frozen, Dan has resigned, Eve has left, Fay never signed in, Gus was only invited.
COMPANY = """
only_listed = true

[[department]]
id = "a"
name = "Alpha"

[[department]]
id = "aa"
name = "Alpha two"
parent = "a"

[[department]]
id = "b"
name = "Beta"

[[person]]
id = "hed"
name = "Hed"
email = "hed@corp.example"

[[person]]
id = "ann"
name = "Ann"
email = "ann@corp.example"
departments = ["a", "aa"]

[[person]]
id = "bob"
name = "Bob"
mobile = "+8613800000001"
departments = ["a"]

[[person]]
id = "cat"
name = "Cat"
departments = ["aa"]
status = "frozen"

[[person]]
id = "dan"
name = "Dan"
departments = ["aa"]
status = "resigned"

[[person]]
id = "eve"
name = "Eve"
departments = ["b"]
status = "exited"

[[person]]
id = "fay"
name = "Fay"
departments = ["b"]
status = "not_activated"

[[person]]
id = "gus"
name = "Gus"
departments = ["b"]
status = "unjoin"

[[person]]
id = "ian"
name = "Ian"
email = "ian@corp.example"
city = "Shanghai"
departments = ["b"]

[[group]]
id = "g-wardens"
name = "Wardens"
people = ["ian", "ann"]
departments = ["aa"]

[[group]]
id = "g-clever"
name = "Clever"
kind = "dynamic"
people = ["hed"]
"""


@contextmanager
def company_running(settings: Settings, monkeypatch: pytest.MonkeyPatch, *options: str) -> Iterator[str]:
    """The URL of a sandbox with the company; `DESKBELL_…` speak for it."""
    file = Path("company.toml")
    file.write_text(COMPANY, "utf-8")
    with sandbox.running("--rate", "unlimited", "--directory", str(file), *options) as url:
        variables = {
            "FEISHU_URL": url,
            "DATA_DIR": str(settings.data_dir),
            "APP_ID": "cli_sandbox",
            "APP_SECRET": "sandbox-secret",
            "HELPDESK_ID": "1000000000000000000",
            "HELPDESK_TOKEN": "ht-sandbox",
        }
        for name, value in variables.items():
            monkeypatch.setenv(f"DESKBELL_{name}", value)
        yield url
