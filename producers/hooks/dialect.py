"""The Jinja of hooks: what a payload lacks is absent rather than an error, and lists and flags are written as JSON."""

import hashlib
import json
from typing import Any

from ledger.messages.absent import Absent
from ledger.messages.jinja_budget import AT_ONCE, BUDGET
from ledger.messages.jinja_filters import is_empty, json_text
from ledger.messages.jinja_sandbox import Sandbox
from producers.hooks.payload import plain_value
from producers.hooks.readable import number, time

__all__ = ["SANDBOX", "hashed"]


def hashed(value: Any, *members: str) -> str:
    """The SHA-256 of a whole value, however large: for keys.

    With `members` only these of each item of a list count, and the order of the items does not.
    """
    plain = plain_value(value)
    if members and isinstance(plain, list):
        plain = sorted(_json([_member(item, name) for name in members]) for item in plain)
    text = _json(plain).encode()
    BUDGET.spend(len(text) // AT_ONCE)
    return hashlib.sha256(text).hexdigest()


def _member(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, dict) else item


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=plain_value)


def _filled(value: Any) -> Any:
    """The value, absent where it is empty: a text that would show nothing in its place fails instead."""
    return Absent("is empty") if is_empty(value) else value


SANDBOX = Sandbox(
    Absent,
    text=json_text,
    takes_empty=True,
    filters={"filled": _filled, "hash": hashed, "number": number, "time": time},
)
