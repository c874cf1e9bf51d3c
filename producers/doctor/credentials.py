"""Checking the desks' credentials with Feishu."""

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from feishu.checkup import check_desk
from feishu.client import FeishuClient
from feishu.token import NoStore
from ledger.errors import BadInput
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
        return [Check("feishu", Status.FAIL, f"the checkup failed: {error}", "correct DESKBELL_ERROR_CODES")]


def _feishu_checks(desk: Desk, settings: Settings, *, needed: bool) -> list[Check]:
    with closing(FeishuClient.of(desk, settings, NoStore())) as client:
        checkup = check_desk(client)
        if checkup.failure is None:
            accepted = Check(f"feishu {desk.name}", Status.OK, f"{desk.feishu_url} accepts all four credentials")
            return [accepted, check_contacts(client, needed=needed)]
    found = f"{_which_is_wrong(checkup.credentials)}: {checkup.failure.evidence}"
    return [Check(f"feishu {desk.name}", Status.FAIL, found, checkup.failure.do)]


def _which_is_wrong(credentials: Mapping[str, str]) -> str:
    for says, joined in (("refused", " and "), ("suspect", " or ")):
        parts = [part for part, verdict in credentials.items() if verdict == says]
        if parts:
            return f"{joined.join(parts)} is wrong"
    return "it is not known whether Feishu accepts them"
