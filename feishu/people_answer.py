"""The people behind mail addresses and mobile numbers: reads the answer of `contact/v3/users/batch_get_id`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feishu.api import misshapen
from feishu.verdict import AskFailed, Verdict

__all__ = ["Person", "people_of_answer"]

#: Numbers of the mainland may be written with their country code or without.
_MAINLAND = re.compile(r"^\+?86(?=1\d{10}$)")
_NO_DIGITS = re.compile(r"[^\d+]+")


@dataclass(frozen=True, slots=True)
class Person:
    """What Feishu says of one contact. `open_id` is None when it names nobody.

    `left` is None when the answer has no status: the app needs one more permission for it
    (`contact:user.employee:readonly`, or to read the contacts).
    """

    open_id: str | None
    left: bool | None = None


def people_of_answer(
    data: Mapping[str, Any], emails: Sequence[str], mobiles: Sequence[str], verdict: Verdict
) -> list[Person]:
    """The people of the addresses, then those of the numbers. A contact missing from the answer is nobody's.

    Raises AskFailed when the answer has a contact that was not asked for: it is unknown then whose entry it is, and a
    guess by its position might send a message to the wrong person.
    """
    contacts = [("email", _email(email)) for email in emails] + [("mobile", _mobile(mobile)) for mobile in mobiles]
    rows = data.get("user_list") or []
    if not isinstance(rows, list):
        raise AskFailed(misshapen(verdict))
    people = dict(_entry(row, verdict) for row in rows)
    if not people.keys() <= set(contacts):
        raise AskFailed(misshapen(verdict))
    return [people.get(contact, Person(None)) for contact in contacts]


def _entry(row: Any, verdict: Verdict) -> tuple[tuple[str, str], Person]:
    """The contact in a normalised spelling, and the person."""
    match row:
        case {"email": str(email)} if email:
            return ("email", _email(email)), _person(row)
        case {"mobile": str(mobile)} if mobile:
            return ("mobile", _mobile(mobile)), _person(row)
    raise AskFailed(misshapen(verdict))


def _person(row: Mapping[str, Any]) -> Person:
    open_id, status = row.get("user_id"), row.get("status")
    left = None
    if isinstance(status, dict) and ("is_resigned" in status or "is_exited" in status):
        # A person who leaves voluntarily counts as resigned some time later (page batch_get_id).
        left = status.get("is_resigned") is True or status.get("is_exited") is True
    return Person(open_id if isinstance(open_id, str) and open_id else None, left)


def _email(email: str) -> str:
    return email.strip().casefold()


def _mobile(mobile: str) -> str:
    return _MAINLAND.sub("", _NO_DIGITS.sub("", mobile))
