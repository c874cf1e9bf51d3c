"""`deskbell pause`, `resume`, `cancel`, `retry` and `resolve`: what people decide about announcements, notifications
and desks."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer

from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput, DeskbellError, NotAllowed, NotFound
from ledger.ids import is_announcement
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.states import Resolution, Retried, State
from producers.cli.access import open_ledger
from producers.cli.completion import announcement_ids, ids
from producers.cli.output import ExitCode, answer, answer_json, note
from producers.cli.retry_many import meant, retry_many
from producers.machine_user import machine_user

__all__ = ["register"]

Ids = Annotated[
    list[str], typer.Argument(metavar="ID", help="Notifications, n_…, or announcements, a_…", autocompletion=ids)
]
AnnouncementIds = Annotated[
    list[str], typer.Argument(metavar="ID", help="Announcements, a_…", autocompletion=announcement_ids)
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print {id, state}, or a list of them; {id, error} where it failed.")
]
RowsAsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Print {id, state}, {id, rows} for an announcement, or a list; {id, error} where it failed."
    ),
]

Code = Annotated[
    int | None, typer.Option(metavar="N", help="Instead of ids: all events, or rows, that ended with this code …")
]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="… that failed after this: a time, or 2h (ago).")]

#: What became of one id: `state`, or the number of `rows` that it was done to.
Done = dict[str, Any]


def register(app: typer.Typer) -> None:
    app.command("pause", epilog="Example:  deskbell pause a_06hzb2k1c9f3q8rd")(pause)
    app.command("resume", epilog=_RESUME_EXAMPLES)(resume)
    app.command("cancel", epilog="Example:  deskbell cancel n_06hzb2k1c9f3q8rd a_06hzb2k1f7m2x4wt")(cancel)
    app.command("retry", epilog=_RETRY_EXAMPLES)(retry)
    app.command("resolve", epilog=_RESOLVE_EXAMPLES)(resolve)


_RESUME_EXAMPLES = """\b
Examples:
  deskbell resume a_06hzb2k1c9f3q8rd
  deskbell resume --desk hr"""
_RETRY_EXAMPLES = """\b
Examples:
  deskbell retry a_06hzb2k1c9f3q8rd
  deskbell retry n_06hzb2k1c9f3q8rd --state unknown
  deskbell retry --code 154004 --since 2h
  deskbell retry a_06hzb2k1c9f3q8rd --code 154004"""
_RESOLVE_EXAMPLES = """\b
Examples:
  deskbell resolve n_06hzb2k1c9f3q8rd --as delivered
  deskbell resolve a_06hzb2k1c9f3q8rd --as resend"""


def pause(ids: AnnouncementIds, as_json: AsJson = False) -> int:
    """Pause announcements: they make no new calls until resumed. Calls in flight still finish."""
    _check_are_announcements(ids)
    return _each(ids, as_json, lambda ledger, id: {"state": ledger.announcements.pause(id, machine_user())})


def resume(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="Announcements, a_…")] = None,
    desk: Annotated[str | None, typer.Option(metavar="D", help="Resume this held desk instead.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print {id, state}, or a list of them; for a desk {desk, resumed}.")
    ] = False,
) -> int:
    """Resume paused announcements or, with --desk, a held desk. Fix the cause of the hold first."""
    if bool(ids) == (desk is not None):
        raise BadInput("desk", Phrase("give either the ID of an announcement or --desk {desk}", desk=DEFAULT_DESK))
    if desk is not None:
        return _resume_desk(desk, as_json)
    _check_are_announcements(ids or ())
    return _each(ids or (), as_json, lambda ledger, id: {"state": ledger.announcements.resume(id, machine_user())})


def cancel(ids: Ids, as_json: AsJson = False) -> int:
    """Cancel what has not been sent yet. A call in flight cannot be cancelled."""
    return _each(ids, as_json, _cancelled)


def retry(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Notifications, n_…, or announcements, a_…")
    ] = None,
    state: Annotated[Retried, typer.Option(help="The state they must be in.")] = Retried.FAILED,
    code: Code = None,
    since: Since = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="… and before this.")] = None,
    desk: Annotated[str | None, typer.Option(metavar="D", help="… at this desk.")] = None,
    as_json: RowsAsJson = False,
) -> int:
    """Send failed notifications again, or with --state unknown those that were maybe sent.

    For an announcement: all its rows in that state, or only those that --code, --since and --until select. They go to
    the end of their lane with a fresh retry budget.
    """
    by_what = any(part is not None for part in (code, since, until, desk))
    if not ids and not by_what:
        raise BadInput("id", Phrase("give at least one, or select events with --code, --since, --until or --desk"))
    letters = meant(State(state), code, since, until, desk)
    if not ids:
        return retry_many(letters, machine_user(), as_json)
    if by_what and (desk is not None or not all(map(is_announcement, ids))):
        raise BadInput("id", Phrase("--code, --since and --until go only with announcements (a_…), and without --desk"))
    return _each(
        ids,
        as_json,
        lambda ledger, id: {"state": ledger.retry([id], machine_user(), [letters.state])[0]},
        lambda ledger, id: {"rows": len(replace(letters, announcement=id).retry(ledger, machine_user()))},
    )


def resolve(
    outcome: Annotated[Resolution, typer.Option("--as", help="What the receiver says, or resend.")],
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Notifications, n_…, or announcements, a_…", autocompletion=ids),
    ] = None,
    announcement: Annotated[
        str | None, typer.Option(metavar="A", help="All unknown rows of this announcement; same as giving its ID.")
    ] = None,
    as_json: RowsAsJson = False,
) -> int:
    """Settle notifications that were maybe sent; for an announcement, all such rows.

    Only a person can do this: Feishu offers no way to check.
    """
    if announcement is not None:
        _check_are_announcements([announcement])
    chosen = [*(ids or ()), *([announcement] if announcement else ())]
    if not chosen:
        raise BadInput("id", Phrase("give at least one, or --announcement"))
    return _each(
        chosen,
        as_json,
        lambda ledger, id: {"state": ledger.resolve([id], machine_user(), outcome)[0]},
        lambda ledger, id: {"rows": ledger.announcements.resolve(id, machine_user(), outcome)},
    )


def _cancelled(ledger: Ledger, id: str) -> Done:
    if is_announcement(id):
        return {"state": ledger.announcements.cancel(id, machine_user())}
    return {"state": ledger.cancel([id], machine_user())[0]}


def _resume_desk(desk: str, as_json: bool) -> int:
    with open_ledger() as ledger:
        ended = ledger.resume_desk(desk, machine_user())
    if as_json:
        answer_json({"desk": desk, "resumed": ended})
    else:
        resumed, not_held = Phrase("desk {desk} was resumed", desk=desk), Phrase("desk {desk} was not held", desk=desk)
        note(resumed if ended else not_held)
    return ExitCode.DONE


def _check_are_announcements(ids: Sequence[str]) -> None:
    for id in ids:
        if not is_announcement(id):
            raise BadInput("id", Phrase("{id} is not an announcement (a_…): give one that is", id=id))


def _each(
    ids: Sequence[str],
    as_json: bool,
    act: Callable[[Ledger, str], Done],
    act_on_announcement: Callable[[Ledger, str], Done] | None = None,
) -> int:
    """Acts on every id, past those that it cannot act on; the first of these gives the exit code."""
    results: list[dict[str, Any]] = []
    errors: list[DeskbellError] = []
    with open_ledger() as ledger:
        for id in dict.fromkeys(ids):
            on_announcement = act_on_announcement if is_announcement(id) else None
            try:
                done = (on_announcement or act)(ledger, id)
            except (NotFound, NotAllowed) as error:
                errors.append(error)
                results.append({"id": id, "error": str(error)})
                note(error.args[0])
            else:
                results.append({"id": id, **done})
                _tell(id, done, as_json)
    if as_json:
        answer_json(results[0] if len(results) == 1 else results)
    return errors[0].exit_code if errors else ExitCode.DONE


def _tell(id: str, done: Done, as_json: bool) -> None:
    if as_json:
        return
    answer(id)
    if "rows" in done:
        note(Phrase("{id}: {n:,} row | {id}: {n:,} rows", id=id, n=done["rows"]))
