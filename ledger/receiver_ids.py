"""What a receiver's id looks like: one check for events, files, hooks and rows, since a wrong id costs a call."""

import re

from ledger.delivery_options import UserIdType
from ledger.phrases import Phrase

__all__ = ["SAMPLE_IDS", "id_type_of", "receiver_id_problem"]

#: One that may be right, by its kind: to check options with before anybody is known.
SAMPLE_IDS = {UserIdType.OPEN_ID: "ou_ada", UserIdType.UNION_ID: "on_ada", UserIdType.USER_ID: "ada"}

#: What stands in addresses, formulas, quotes and lists, but in no id; a tenant chooses its user_ids of the rest.
_FORBIDDEN = re.compile("[\"',;<=>@]")
_PLAIN = re.compile("[!#-&(-+.-:?A-~-]{1,128}")
_VISIBLE = re.compile("[!-~]{1,128}")
#: What a spreadsheet makes of a long number: `7.3E+17`.
_ROUNDED = re.compile(r"[0-9][0-9.,]*[Ee]\+?[0-9]+")
#: How Feishu begins the ids that it makes. A user_id is the tenant's own choice: nothing is known of it.
_BEGINNINGS = {UserIdType.OPEN_ID: "ou_", UserIdType.UNION_ID: "on_"}
#: How ids of another kind begin. A user_id may begin with the same letters, so there only Feishu's own ids are wrong.
_OF_ANOTHER_KIND = {
    UserIdType.OPEN_ID: re.compile("on_|oc_|cli_"),
    UserIdType.UNION_ID: re.compile("ou_|oc_|cli_"),
    UserIdType.USER_ID: re.compile(r"(?:ou_|on_|oc_)(?=[0-9a-f]{32}\Z)"),
}


def receiver_id_problem(text: str, kind: UserIdType) -> Phrase | None:
    """What is wrong with the id, or None. Repeats no more of it than a character or its beginning."""
    if not _PLAIN.fullmatch(text):
        return _misspelled(text)
    if other := _OF_ANOTHER_KIND[kind].match(text):
        return Phrase("begins with {prefix}, so it cannot be {type}", prefix=other[0], type=kind)
    if text[0].isdigit() and _ROUNDED.fullmatch(text):
        return _rounded()
    beginning = _BEGINNINGS.get(kind)
    return None if beginning is None or text.startswith(beginning) else _of_no_kind(beginning, kind)


def id_type_of(text: str) -> UserIdType:
    """The type that an id begins like. A user_id may begin with anything."""
    return next((kind for kind, beginning in _BEGINNINGS.items() if text.startswith(beginning)), UserIdType.USER_ID)


def _of_no_kind(beginning: str, kind: UserIdType) -> Phrase:
    """Most often a user_id, or a name: each would cost a call, and be refused by Feishu."""
    return Phrase(
        "does not begin with {prefix} as every {type} does: a user_id needs user_id_type user_id",
        prefix=beginning,
        type=kind,
    )


def _misspelled(text: str) -> Phrase:
    if not text:
        return Phrase("must not be empty")
    if "@" in text.strip("@"):
        return Phrase("looks like an e-mail address, which is not an id: give it as email (in a file, a column email)")
    if not _VISIBLE.fullmatch(text):
        return Phrase("must be 1 to 128 visible ASCII characters without spaces, such as ou_…")
    if _ROUNDED.fullmatch(text):
        return _rounded()
    found = _FORBIDDEN.findall(text)
    return Phrase("contains {character}, which is never part of an id", character=found[0])


def _rounded() -> Phrase:
    return Phrase("looks like a number that a spreadsheet has rounded: format its column as text, and fill it in again")
