"""Checking what an app may see of the contacts."""

from feishu.client import FeishuClient
from feishu.contact_sight import ContactSight
from feishu.query_retry import QueryRetry
from feishu.scopes import ADDRESS_SCOPE, PEOPLE_SCOPE
from feishu.verdict import AskFailed
from ledger.phrases import Phrase
from producers.doctor.doctor_check import Check, Status

__all__ = ["check_contacts"]

#: A person waits for the answer, seconds.
RETRY_SECONDS = 5.0
_GRANT = "grant it in the developer console and publish a new version; sends to ids need none of this"


def check_contacts(feishu: FeishuClient, *, needed: bool) -> Check:
    """One line, and no more than a remark unless it is `needed`: events by address wait."""
    name = f"contacts {feishu.desk.name}"
    try:
        sight = ContactSight.of(feishu, QueryRetry(within_seconds=RETRY_SECONDS))
    except AskFailed as failure:
        return Check(name, Status.WARN, f"not known: {failure.verdict.evidence}", failure.verdict.do)
    lacking = _lacking(sight)
    status = Status.WARN if needed and not sight.finds_addresses else Status.OK
    found = "; ".join([_addresses(sight), _range(sight), *([f"not granted: {', '.join(lacking)}"] if lacking else [])])
    return Check(name, status, found, _GRANT if lacking else "")


def _lacking(sight: ContactSight) -> list[str]:
    closed = [ADDRESS_SCOPE] * (not sight.finds_addresses) + [PEOPLE_SCOPE] * (sight.everybody is None)
    return [*closed, *sight.missing]


def _addresses(sight: ContactSight) -> str:
    return f"the app {'finds' if sight.finds_addresses else 'cannot find'} people by e-mail and mobile"


def _range(sight: ContactSight) -> str:
    if sight.everybody:
        return "it may see all staff"
    if sight.range is None:
        return "what else it may see is not told"
    parts = [
        Phrase("{n} department | {n} departments", n=len(sight.range.departments)),
        Phrase("{n} person | {n} people", n=len(sight.range.people)),
        Phrase("{n} user group | {n} user groups", n=len(sight.range.groups)),
    ]
    named = ", ".join(part for part in parts if not part.startswith("0 "))
    return f"it may see {named or 'nobody'}{' and more' if sight.is_longer else ''}"
