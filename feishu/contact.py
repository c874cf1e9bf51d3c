"""How a person is named by others, an email address or a mobile number, and what it leads to."""

import re
from typing import Literal, NamedTuple

__all__ = ["CONTACTS_PER_CALL", "Contact", "Resolved", "Unresolved"]

#: The most addresses, and the most numbers, that Feishu takes in one call of batch_get_id.
CONTACTS_PER_CALL = 50

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_MOBILE = re.compile(r"\+?[0-9]{5,20}", re.ASCII)
#: How people divide a number.
_DIVIDERS = re.compile(r"[\s()-]")


class Contact(NamedTuple):
    """What Feishu is asked about. Make it with `read`."""

    kind: Literal["email", "mobile"]
    value: str

    @classmethod
    def read(cls, kind: Literal["email", "mobile"], text: str) -> "Contact | None":
        """None when the text does not look like one: Feishu may refuse all 50 of a call for the sake of one."""
        shape, value = (_EMAIL, text.strip()) if kind == "email" else (_MOBILE, _DIVIDERS.sub("", text))
        return cls(kind, value) if shape.fullmatch(value) else None


class Unresolved(NamedTuple):
    """A contact that leads to nobody: why, for a person to read."""

    problem: str


#: The open_id of a contact's person, or why there is none.
Resolved = str | Unresolved
