"""The secrets of the desks file: written there, or in a variable or a file that it names."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ledger.errors import BadInput
from ledger.phrases import Phrase

__all__ = ["with_secrets"]

_SECRETS = ("app_secret", "helpdesk_token", "encrypt_key", "verification_token", "redis")


def with_secrets(desk: str, table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The table with its secrets in it, from where `app_secret_env`, `app_secret_file` and the like say they are.

    `folder` is that of the desks file. Raises BadInput.
    """
    found = dict(table)
    for secret in _SECRETS:
        ways = {f"{secret}{way}": read for way, read in (("", None), ("_env", _of_variable), ("_file", _of_file))}
        given = [name for name in ways if name in found]
        if len(given) > 1:
            raise BadInput(
                "DESKBELL_DESKS", Phrase("[desk.{desk}] give one of {names}", desk=desk, names=", ".join(given))
            )
        for name in given:
            if read := ways[name]:
                found[secret] = read(f"[desk.{desk}] {name}", found.pop(name), folder)
    return found


def _of_variable(where: str, name: Any, _: Path) -> str:
    if not isinstance(name, str) or not os.environ.get(name):
        raise BadInput(
            "DESKBELL_DESKS", Phrase("{where}: the variable {name} is not set", where=where, name=repr(name))
        )
    return os.environ[name]


def _of_file(where: str, name: Any, folder: Path) -> str:
    """Relative paths start at the folder of the desks file. A trailing newline is not part of the secret."""
    if not isinstance(name, str):
        raise BadInput("DESKBELL_DESKS", Phrase("{where}: write the path of a file", where=where))
    try:
        secret = (folder / name).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            "DESKBELL_DESKS",
            Phrase("{where}: {name} cannot be read ({error})", where=where, name=name, error=type(error).__name__),
        ) from error
    if not secret:
        raise BadInput("DESKBELL_DESKS", Phrase("{where}: {name} is empty", where=where, name=name))
    return secret
