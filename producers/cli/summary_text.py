"""The summary of an announcement, as a person reads it before deciding."""

import json
from collections.abc import Iterator
from typing import Any

from ledger.delivery_options import OnOpenTicket
from ledger.messages.column_names import listed as named
from ledger.phrases import Phrase, listed
from producers.announcements.check import Checked
from producers.announcements.preview import Preview
from producers.cli.audience_text import people_of, remarks_of_audience
from producers.cli.language import in_sequence, word
from producers.cli.output import note, printable
from producers.cli.spoken_times import local, moment, told
from producers.cli.tables import screen

__all__ = ["lines_of", "remarks_of", "show_samples", "tell_problems"]

#: Problems that are told one by one; --dry-run --json has the first thousand.
_SHOWN = 20
_SENT_ANYWAY, _LEFT_OUT = Phrase("sent anyway"), Phrase("left out")
_BY_POLICY = {
    OnOpenTicket.REROUTE: Phrase("sent to the chat with the bot"),
    OnOpenTicket.WAIT: Phrase("sent once their ticket is closed"),
    OnOpenTicket.FAIL: Phrase("these will fail"),
}


def tell_problems(checked: Checked) -> None:
    """The first problems, a line each, on stderr."""
    for problem in checked.problems[:_SHOWN]:
        note(problem.told)
    if checked.problem_count > _SHOWN:
        note(Phrase("and {n:,} more", n=checked.problem_count - _SHOWN))


def lines_of(summary: Preview) -> Iterator[Phrase]:
    """All of it but the problems and the samples."""
    checked = summary.checked
    about = {"name": summary.draft.spec.name, "source": summary.source}
    yield Phrase("{name}: {n:,} row ({source}) | {name}: {n:,} rows ({source})", **about, n=checked.rows)
    yield Phrase("{accepted:,} to send, {invalid:,} invalid", accepted=checked.accepted, invalid=checked.invalid)
    if addressed := _addressed(checked):
        yield addressed
    if unused := [column.name for column in checked.all_columns if not column.used]:
        yield Phrase("not used: {columns}", columns=named(unused))
    if summary.audience:
        yield from people_of(summary.audience, checked)
    yield _calls(summary)
    yield from summary.draft.spec.stops
    yield from remarks_of(summary)


def remarks_of(summary: Preview) -> Iterator[Phrase]:
    """What somebody may not expect, as far as there is any of it."""
    checked = summary.checked
    if summary.encoding not in (None, "UTF-8"):
        yield Phrase("the file is not UTF-8: it was read as {encoding}", encoding=summary.encoding)
    yield from summary.sheet_remarks
    if summary.audience:
        yield from remarks_of_audience(summary.audience, checked)
    if checked.duplicate_count:
        yield _duplicates(checked)
    if summary.open_tickets:
        yield _open_tickets(summary)
    if summary.timing.is_too_late:
        yield Phrase("some of it will expire before it can be sent")
    if same := summary.same_content:
        when = local(moment(same.created_ms))
        yield Phrase(
            "the same content was announced to the same people: {id} ({state}), {when}",
            id=same.id,
            state=word(same.state),
            when=when,
        )


def _addressed(checked: Checked) -> Phrase | None:
    """How the receivers are named, unless all are by their ids."""
    counts = [Phrase("{n:,} by {kind}", n=rows, kind=kind) for kind, rows in checked.addressed.items() if rows]
    if not set(checked.addressed) - {"receiver_id"}:
        return None
    return Phrase("receivers: {counts}", counts=listed(counts))


def _calls(summary: Preview) -> Phrase:
    calls = Phrase("at least {n:,} call | at least {n:,} calls", n=summary.calls)
    times = list(_times(summary))
    return Phrase("{calls}: {times}", calls=calls, times=in_sequence(times)) if times else calls


def _times(summary: Preview) -> Iterator[Phrase]:
    if summary.timing.is_at_once:
        yield Phrase("starts at once")
    elif summary.starts_at:
        yield Phrase("starts {time}", time=told(summary.starts_at))
    if summary.finishes_at:
        ends = Phrase("ends about {time}", time=told(summary.finishes_at))
        others = summary.timing.others
        yield Phrase("{ends}, sharing the desk with {n} more", ends=ends, n=others) if others else ends


def _duplicates(checked: Checked) -> Phrase:
    first = checked.duplicates[0]
    return Phrase(
        "{n:,} row repeats an earlier receiver: {what} (line {line} has the same receiver as line {first})"
        " | {n:,} rows repeat earlier receivers: {what} (line {line} has the same receiver as line {first})",
        n=checked.duplicate_count,
        what=_SENT_ANYWAY if checked.options.allow_duplicates else _LEFT_OUT,
        line=first.line,
        first=first.first_line,
    )


def _open_tickets(summary: Preview) -> Phrase:
    tickets = summary.open_tickets
    if tickets is None or tickets.rows is None:
        return Phrase("open tickets are not known: {why}", why=tickets.note if tickets else "")
    told = Phrase("{n:,} to receivers with an open ticket", n=tickets.rows)
    if tickets.rows:
        told = Phrase("{found}: {what}", found=told, what=_BY_POLICY[summary.draft.spec.on_open_ticket])
    return Phrase("{found} ({note})", found=told, note=tickets.note) if tickets.note else told


def show_samples(checked: Checked) -> None:
    """The rendered messages, on stderr: they are no answer for a script, and must not end in its log."""
    for sample in checked.samples:
        note(Phrase("line {line} gets this message ({type}):", line=sample.line, type=sample.message.msg_type))
        for line in _readable(sample.message.content).splitlines():
            screen().print(f"  {printable(line)}", soft_wrap=True)


def _readable(content: dict[str, Any]) -> str:
    """A text as it is, anything else as JSON."""
    text = content.get("text")
    if len(content) == 1 and isinstance(text, str):
        return text
    return json.dumps(content, ensure_ascii=False, indent=1)
