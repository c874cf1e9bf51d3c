"""The people of this tenant, by a rule: `ou_X`, `on_X` and `u_X` are the same person, for any X.

`ou_unknown…` does not exist. The mail address `X@…` belongs to `ou_X`, but `unknown…@` to no one, and `resigned…@` to
someone who left; a mobile number belongs to `ou_m` and its digits.
"""

from typing import Any

__all__ = ["ID_TYPES", "open_id_of", "person", "users_by_contact"]

_PREFIXES = {"open_id": "ou_", "union_id": "on_", "user_id": "u_"}

#: The values of `user_id_type`.
ID_TYPES = frozenset(_PREFIXES)


def open_id_of(any_id: str, id_type: str) -> str | None:
    """The open_id of the person, None if there is no such person."""
    prefix = _PREFIXES[id_type]
    rest = any_id.removeprefix(prefix)
    if not any_id.startswith(prefix) or not rest or rest.startswith("unknown"):
        return None
    return "ou_" + rest


def person(open_id: str) -> dict[str, str]:
    """The three ids and the name of an existing person."""
    rest = open_id.removeprefix("ou_")
    ids = {id_type: prefix + rest for id_type, prefix in _PREFIXES.items()}
    return ids | {"name": rest}


def users_by_contact(document: dict[str, Any], id_type: str) -> list[dict[str, str]]:
    """One entry per address and number, in their order; without `user_id` for unknown and resigned people."""
    with_resigned = document.get("include_resigned") is True
    mails = [_by_mail(mail, id_type, with_resigned) for mail in document.get("emails") or ()]
    return mails + [_by_mobile(mobile, id_type) for mobile in document.get("mobiles") or ()]


def _by_mail(mail: str, id_type: str, with_resigned: bool) -> dict[str, str]:
    name = mail.partition("@")[0]
    if name.startswith("unknown") or (name.startswith("resigned") and not with_resigned):
        return {"email": mail}
    return {"user_id": _PREFIXES[id_type] + name, "email": mail}


def _by_mobile(mobile: str, id_type: str) -> dict[str, str]:
    digits = "".join(character for character in mobile if character.isdigit())
    return {"user_id": f"{_PREFIXES[id_type]}m{digits}", "mobile": mobile} if digits else {"mobile": mobile}
