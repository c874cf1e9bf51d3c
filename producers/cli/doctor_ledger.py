"""`deskbell doctor --ledger`: is the ledger whole?"""

from ledger.inspection.inspection import Inspected, inspect_ledger
from ledger.inspection.invariants import Finding
from ledger.phrases import Phrase
from producers.cli.access import open_ledger
from producers.cli.output import ExitCode, answer, answer_json, note
from producers.cli.tables import in_colour, progress, show_list

__all__ = ["doctor_ledger"]


def doctor_ledger(as_json: bool) -> int:
    """Looks at the whole ledger, and prints what is broken."""
    with open_ledger() as ledger, progress(Phrase("looking at the ledger")) as update:

        def tell(number: int) -> None:
            if update:
                update(Phrase("looking at the ledger: {notifications}", notifications=_notifications(number)))

        inspected = _together([inspect_ledger(server, tell) for server in ledger.servers])
    if as_json:
        answer_json(_as_object(inspected))
    else:
        _tell(inspected)
    return ExitCode.OTHER if inspected.findings else ExitCode.DONE


def _together(servers: list[Inspected]) -> Inspected:
    findings = [finding for each in servers for finding in each.findings]
    uncounted = [lane for each in servers for lane in each.uncounted]
    return Inspected(findings, sum(each.notifications for each in servers), uncounted)


def _as_object(inspected: Inspected) -> dict[str, object]:
    return {
        "ok": not inspected.findings,
        "notifications": inspected.notifications,
        "findings": [finding.as_json() for finding in inspected.findings],
        "uncounted": inspected.uncounted,
    }


def _tell(inspected: Inspected) -> None:
    if inspected.uncounted:
        lanes = ", ".join(inspected.uncounted)
        note(
            Phrase(
                "too much is in motion to compare each count of {lanes}: only the sizes of its sets were compared",
                lanes=lanes,
            )
        )
    if not inspected.findings:
        seen = _notifications(inspected.notifications)
        answer(Phrase("ok ledger: {notifications} looked at, nothing is broken", notifications=seen))
        return
    rows = [(in_colour("fail"), each.invariant, each.id, each.found, each.invariant.do) for each in inspected.findings]
    lines = map(_line, inspected.findings)
    show_list(False, None, ("", "invariant", "id", "found", "to do"), rows, lines)


def _line(finding: Finding) -> Phrase:
    return Phrase(
        "fail {invariant} {id}: {found} ({do})",
        invariant=finding.invariant,
        id=finding.id,
        found=finding.found,
        do=finding.invariant.do,
    )


def _notifications(number: int) -> Phrase:
    return Phrase("{n:,} notification | {n:,} notifications", n=number)
