"""Checking what an app may see of the contacts."""

from feishu.client import FeishuClient
from feishu.contact_sight import ContactSight
from feishu.query_retry import QueryRetry
from feishu.scopes import ADDRESS_SCOPE, PEOPLE_SCOPE
from feishu.verdict import AskFailed
from ledger.phrases import Phrase, as_phrase, listed
from producers.doctor.doctor_check import Check, Status

__all__ = ["check_contacts"]

#: A person waits for the answer, seconds.
RETRY_SECONDS = 5.0
_GRANT = Phrase("grant it in the developer console and publish a new version; sends to ids need none of this")


def check_contacts(feishu: FeishuClient, *, needed: bool) -> Check:
    """One line, and no more than a remark unless it is `needed`: events by address wait."""
    name = f"contacts {feishu.desk.name}"
    try:
        sight = ContactSight.of(feishu, QueryRetry(within_seconds=RETRY_SECONDS))
    except AskFailed as failure:
        found = Phrase("not known: {evidence}", evidence=failure.verdict.evidence)
        return Check(name, Status.WARN, found, as_phrase(failure.verdict.do))
    lacking = _lacking(sight)
    status = Status.WARN if needed and not sight.finds_addresses else Status.OK
    found = Phrase("{before}; {part}", before=_addresses(sight), part=_range(sight))
    if not lacking:
        return Check(name, status, found)
    missing = Phrase("not granted: {scopes}", scopes=", ".join(lacking))
    return Check(name, status, Phrase("{before}; {part}", before=found, part=missing), _GRANT)


def _lacking(sight: ContactSight) -> list[str]:
    closed = [ADDRESS_SCOPE] * (not sight.finds_addresses) + [PEOPLE_SCOPE] * (sight.everybody is None)
    return [*closed, *sight.missing]


def _addresses(sight: ContactSight) -> Phrase:
    if sight.finds_addresses:
        return Phrase("the app finds people by e-mail and mobile")
    return Phrase("the app cannot find people by e-mail and mobile")


def _range(sight: ContactSight) -> Phrase:
    if sight.everybody:
        return Phrase("it may see all staff")
    if sight.range is None:
        return Phrase("what else it may see is not told")
    parts = [
        Phrase("{n} department | {n} departments", n=len(sight.range.departments)),
        Phrase("{n} person | {n} people", n=len(sight.range.people)),
        Phrase("{n} user group | {n} user groups", n=len(sight.range.groups)),
    ]
    told = [part for part in parts if not part.startswith("0 ")]
    named = listed(told) if told else Phrase("nobody")
    return (
        Phrase("it may see {named} and more", named=named)
        if sight.is_longer
        else Phrase("it may see {named}", named=named)
    )
