"""Checking the desks' credentials with Feishu."""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import reduce

from feishu.checkup import check_desk
from feishu.client import FeishuClient
from feishu.token import NoStore
from ledger.errors import BadInput
from ledger.phrases import Phrase, as_phrase, phrase_in
from ledger.settings import Desk, Settings
from producers.doctor.contacts import check_contacts
from producers.doctor.doctor_check import Check, Status

__all__ = ["check_feishu"]

#: Desks that are checked at once: one whose Feishu does not answer takes about a minute by default.
_AT_ONCE = 32


def check_feishu(settings: Settings, addressing: Collection[str] = ()) -> list[Check]:
    """Checks each desk with credentials, and what its app may see. Takes seconds.

    `addressing` are the desks at which events by e-mail or mobile wait.
    """
    desks = [desk for desk in settings.all_desks.values() if not desk.missing]
    try:
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            checks = threads.map(lambda desk: _feishu_checks(desk, settings, needed=desk.name in addressing), desks)
            return [check for of_desk in checks for check in of_desk]
    except BadInput as error:  # a file of error codes that is wrong
        found = Phrase("the checkup failed: {problem}", problem=phrase_in(error))
        return [Check("feishu", Status.FAIL, found, Phrase("correct DESKBELL_ERROR_CODES"))]


def _feishu_checks(desk: Desk, settings: Settings, *, needed: bool) -> list[Check]:
    with closing(FeishuClient.of(desk, settings, NoStore())) as client:
        checkup = check_desk(client)
        if checkup.failure is None:
            found = Phrase("{url} accepts all four credentials", url=desk.feishu_url)
            return [Check(f"feishu {desk.name}", Status.OK, found), check_contacts(client, needed=needed)]
    wrong, failure = _which_is_wrong(checkup.credentials), checkup.failure
    found = Phrase("{wrong}: {evidence}", wrong=wrong, evidence=failure.evidence)
    return [Check(f"feishu {desk.name}", Status.FAIL, found, as_phrase(failure.do))]


def _which_is_wrong(credentials: Mapping[str, str]) -> Phrase:
    refused, suspect = ([part for part, said in credentials.items() if said == one] for one in ("refused", "suspect"))
    if refused:
        return Phrase("{names} is wrong", names=reduce(_and, refused))
    if suspect:
        return Phrase("{names} is wrong", names=reduce(_or, suspect))
    return Phrase("it is not known whether Feishu accepts them")


def _and(before: str, part: str) -> Phrase:
    return Phrase("{before} and {part}", before=before, part=part)


def _or(before: str, part: str) -> Phrase:
    return Phrase("{before} or {part}", before=before, part=part)
