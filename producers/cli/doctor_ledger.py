"""`deskbell doctor --ledger`: is the ledger whole?"""

from rich.text import Text

from ledger.inspection.inspection import Inspected, inspect_ledger
from ledger.phrases import Phrase
from producers.cli.access import open_ledger
from producers.cli.output import ExitCode, answer, answer_json, note
from producers.cli.tables import in_colour, progress, show_list

__all__ = ["doctor_ledger"]


def doctor_ledger(as_json: bool) -> int:
    """Looks at the whole ledger, and prints what is broken."""
    with open_ledger() as ledger, progress("looking at the ledger") as status:

        def tell(number: int) -> None:
            if status:
                status.update(Text(f"looking at the ledger: {_notifications(number)}"))

        inspected = inspect_ledger(ledger, tell)
    if as_json:
        answer_json(_as_object(inspected))
    else:
        _tell(inspected)
    return ExitCode.OTHER if inspected.findings else ExitCode.DONE


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
        note(f"too much is in motion to compare each count of {lanes}: only the sizes of its sets were compared")
    if not inspected.findings:
        answer(f"ok ledger: {_notifications(inspected.notifications)} looked at, nothing is broken")
        return
    rows = [(in_colour("fail"), each.invariant, each.id, each.found, each.invariant.do) for each in inspected.findings]
    lines = (f"fail {each.invariant} {each.id}: {each.found} ({each.invariant.do})" for each in inspected.findings)
    show_list(False, None, ("", "invariant", "id", "found", "to do"), rows, lines)


def _notifications(number: int) -> Phrase:
    return Phrase("{n:,} notification | {n:,} notifications", n=number)
