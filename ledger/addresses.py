"""How a person is named: by an id, an e-mail address or a mobile number. The one place that says so."""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple, cast, get_args

from ledger.phrases import Phrase
from ledger.redis_keys import key_digest

__all__ = [
    "ADDRESS_FIELDS",
    "Contact",
    "ContactKind",
    "address_fields",
    "address_text",
    "contact_of",
    "distinct_addresses",
    "one_spelling",
    "spelling_of",
]

ContactKind = Literal["email", "mobile"]
#: The fields of a notification that name its receiver: one of them is given.
ADDRESS_FIELDS = ("receiver_id", "email", "mobile")

#: Without what stands between or around addresses: a list, a name in front, a link.
_EMAIL = re.compile(r"[^@\s<>()\[\]\",;:\\\x00-\x1f\x7f]{1,128}@[^@\s<>()\[\]\",;:\\\x00-\x1f\x7f]{1,190}")
_MOBILE = re.compile(r"\+?[0-9]{5,20}", re.ASCII)
#: How people divide a number.
_DIVIDERS = re.compile(r"[\s()-]")
#: Numbers of the mainland may be written with their country code or without.
_MAINLAND = re.compile(r"\+?86(?=1\d{10}$)", re.ASCII)
_NO_DIGITS = re.compile(r"[^\d+]+")


class Contact(NamedTuple):
    """What Feishu is asked about. Make it with `read`. Its text, which `of_text` reads, begins with its digest."""

    kind: ContactKind
    value: str

    def __str__(self) -> str:
        return f"{self.digest} {self.kind}:{self.value}"

    @property
    def digest(self) -> str:
        """Stands for it in keys: 32 hex digits."""
        return key_digest(f"{self.kind}:{self.value}")

    @classmethod
    def read(cls, kind: ContactKind, text: str) -> "Contact | None":
        """None when the text does not look like one: Feishu may refuse all 50 of a call for the sake of one."""
        shape, value = (_EMAIL, text.strip()) if kind == "email" else (_MOBILE, _DIVIDERS.sub("", text))
        return cls(kind, value) if shape.fullmatch(value) else None

    @classmethod
    def of_text(cls, text: str) -> "Contact":
        """Raises ValueError for what is not the text of one."""
        kind, _, value = text.partition(" ")[2].partition(":")
        if kind in get_args(ContactKind):
            return cls(cast(ContactKind, kind), value)
        raise ValueError(Phrase("is not the text of a contact"))


def address_fields(text: str) -> dict[str, str]:
    """The field of a notification that `--to`, or a hook's `to`, means by this text.

    `id:…` is an id, what holds `@` an e-mail address, what begins with `+` or `mobile:` a mobile number; anything else
    is an id.
    """
    text = text.strip()
    if text.startswith("id:"):
        return {"receiver_id": text.removeprefix("id:")}
    if "@" in text:
        return {"email": text}
    if text.startswith(("+", "mobile:")):
        return {"mobile": _DIVIDERS.sub("", text.removeprefix("mobile:"))}
    return {"receiver_id": text}


def contact_of(fields: dict[str, str]) -> Contact | None:
    """The contact that the fields of one address name; None for an id, and for what does not look like a contact."""
    [(kind, value)] = fields.items()
    return None if kind == "receiver_id" else Contact.read(cast(ContactKind, kind), value)


def address_text(fields: dict[str, str]) -> str:
    """The shortest text that `address_fields` reads as these fields."""
    [(field, value)] = fields.items()
    if field == "mobile" and not value.startswith("+"):
        return f"mobile:{value}"
    return value if address_fields(value) == fields else f"id:{value}"


def one_spelling(kind: str, value: str) -> str:
    """The same for all ways to write one e-mail address, or one mobile number."""
    if kind == "email":
        return value.strip().casefold()
    return _MAINLAND.sub("", _NO_DIGITS.sub("", value)) if kind == "mobile" else value


def spelling_of(fields: dict[str, str]) -> str:
    """The same text for all ways to write one address."""
    [(kind, value)] = fields.items()
    return address_text({kind: one_spelling(kind, value)})


def distinct_addresses(given: Iterable[dict[str, str]]) -> dict[str, dict[str, str]]:
    """Each address once, as it was given first, by its `spelling_of`."""
    distinct: dict[str, dict[str, str]] = {}
    for fields in given:
        distinct.setdefault(spelling_of(fields), fields)
    return distinct
