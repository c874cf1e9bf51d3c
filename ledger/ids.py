"""Ids: `n_` or `a_` and 16 characters, of which the first nine are the time, so that they sort by it."""

import secrets
import time

__all__ = ["is_announcement", "is_notification", "new_announcement_id", "new_notification_id"]

#: Crockford's base 32: no i, l, o, u to be mistaken for something else.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_CHARS, _RANDOM_CHARS = 9, 7


def _encode(number: int, length: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))


def _stem() -> str:
    return _encode(time.time_ns() // 1_000_000, _TIME_CHARS) + _encode(
        secrets.randbits(5 * _RANDOM_CHARS), _RANDOM_CHARS
    )


def new_notification_id() -> str:
    return f"n_{_stem()}"


def new_announcement_id() -> str:
    return f"a_{_stem()}"


def is_notification(id: str) -> bool:
    return id.startswith("n_")


def is_announcement(id: str) -> bool:
    return id.startswith("a_")
