"""`deskbell reschedule`: another time for what has not begun."""

from typing import Annotated

import typer

from ledger.ids import is_announcement
from ledger.phrases import Phrase
from ledger.rescheduling import reschedule
from ledger.states import AnnouncementState
from ledger.times import MACHINE, new_time
from producers.cli.access import open_ledger
from producers.cli.completion import ids
from producers.cli.options import TimeZone, tell_times
from producers.cli.output import answer, answer_json, note
from producers.machine_user import machine_user

__all__ = ["register"]

_EXAMPLES = """\b
Examples:
  deskbell reschedule a_06hzb2k1c9f3q8rd --at "2026-12-01 09:00"
  deskbell reschedule n_06hzb2k1f7m2x4wt --at 2h"""


def register(app: typer.Typer) -> None:
    app.command("reschedule", epilog=_EXAMPLES)(_reschedule)


def _reschedule(
    id: Annotated[
        str, typer.Argument(metavar="ID", help="An announcement, a_…, or a notification, n_…", autocompletion=ids)
    ],
    at: Annotated[str, typer.Option(metavar="TIME", help="The new time, or in 15m, 1h, 2d. 0s: now.")],
    timezone: TimeZone = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print {id, state, due_at}.")] = False,
) -> None:
    """Give another time to what is scheduled, or to an announcement that was paused before its first row."""
    time = new_time(at, timezone, zone=MACHINE)
    tell_times({"at": at}, {"at": time})
    with open_ledger() as ledger:
        reschedule(ledger, id, time, machine_user())
        found = ledger.announcements.get(id) if is_announcement(id) else ledger.get(id)
    fields = found.as_json()
    if as_json:
        answer_json({"id": id, "state": fields["state"], "due_at": fields["due_at"]})
        return
    answer(id)
    if fields["state"] == AnnouncementState.PAUSED:
        note(Phrase("{id} is still paused: `deskbell resume {id}`", id=id))
