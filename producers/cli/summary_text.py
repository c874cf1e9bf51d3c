"""The summary of an announcement, as a person reads it before deciding."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ledger.delivery_options import OnOpenTicket
from ledger.messages.column_names import listed
from ledger.phrases import Phrase
from producers.announcements.check import Checked
from producers.announcements.preview import Preview
from producers.cli.audience_text import people_of, remarks_of_audience
from producers.cli.output import note, printable
from producers.cli.spoken_times import told
from producers.cli.tables import screen

__all__ = ["lines_of", "remarks_of", "show_samples", "tell_problems"]

#: Problems that are told one by one; --dry-run --json has the first thousand.
_SHOWN = 20
_BY_POLICY = {
    OnOpenTicket.REROUTE: "sent to the chat with the bot",
    OnOpenTicket.WAIT: "sent once their ticket is closed",
    OnOpenTicket.FAIL: "these will fail",
}


def tell_problems(checked: Checked) -> None:
    """The first problems, a line each, on stderr."""
    for problem in checked.problems[:_SHOWN]:
        note(str(problem))
    if checked.problem_count > _SHOWN:
        note(f"and {checked.problem_count - _SHOWN:,} more")


def lines_of(summary: Preview) -> Iterator[str]:
    """All of it but the problems and the samples."""
    checked = summary.checked
    rows = Phrase("{n:,} row | {n:,} rows", n=checked.rows)
    yield f"{summary.draft.spec.name}: {rows} ({summary.source})"
    yield f"{checked.accepted:,} to send, {checked.invalid:,} invalid"
    if addressed := _addressed(checked):
        yield addressed
    if unused := [column.name for column in checked.all_columns if not column.used]:
        yield f"not used: {listed(unused)}"
    if summary.audience:
        yield from people_of(summary.audience, checked)
    yield _calls(summary)
    yield from summary.draft.spec.stops
    yield from remarks_of(summary)


def remarks_of(summary: Preview) -> Iterator[str]:
    """What somebody may not expect, as far as there is any of it."""
    checked = summary.checked
    if summary.encoding not in (None, "UTF-8"):
        yield f"the file is not UTF-8: it was read as {summary.encoding}"
    yield from summary.sheet_remarks
    if summary.audience:
        yield from remarks_of_audience(summary.audience, checked)
    if checked.duplicate_count:
        yield _duplicates(checked)
    if summary.open_tickets:
        yield _open_tickets(summary)
    if summary.timing.is_too_late:
        yield "some of it will expire before it can be sent"
    if same := summary.same_content:
        when = datetime.fromtimestamp(same.created_ms / 1000).astimezone()
        yield f"the same content was announced to the same people: {same.id} ({same.state}), {when:%Y-%m-%d %H:%M}"


def _addressed(checked: Checked) -> str | None:
    """How the receivers are named, unless all are by their ids."""
    counts = [f"{rows:,} by {kind}" for kind, rows in checked.addressed.items() if rows]
    return f"receivers: {', '.join(counts)}" if set(checked.addressed) - {"receiver_id"} else None


def _calls(summary: Preview) -> str:
    calls = Phrase("at least {n:,} call | at least {n:,} calls", n=summary.calls)
    beside = f", sharing the desk with {summary.timing.others} more" if summary.timing.others else ""
    starts = "starts at once" if summary.timing.is_at_once else None
    if not starts and summary.starts_at:
        starts = f"starts {told(summary.starts_at)}"
    ends = f"ends about {told(summary.finishes_at)}{beside}" if summary.finishes_at else None
    return f"{calls}: {'; '.join(filter(None, (starts, ends)))}" if starts or ends else calls


def _duplicates(checked: Checked) -> str:
    first = checked.duplicates[0]
    count = checked.duplicate_count
    rows = Phrase("{n:,} row repeats an earlier receiver | {n:,} rows repeat earlier receivers", n=count)
    what = "sent anyway" if checked.options.allow_duplicates else "left out"
    return f"{rows}: {what} (line {first.line} has the same receiver as line {first.first_line})"


def _open_tickets(summary: Preview) -> str:
    tickets = summary.open_tickets
    if tickets is None or tickets.rows is None:
        return f"open tickets are not known: {tickets.note if tickets else ''}"
    told = f"{tickets.rows:,} to receivers with an open ticket"
    if tickets.rows:
        told += f": {_BY_POLICY[summary.draft.spec.on_open_ticket]}"
    return f"{told} ({tickets.note})" if tickets.note else told


def show_samples(checked: Checked) -> None:
    """The rendered messages, on stderr: they are no answer for a script, and must not end in its log."""
    for sample in checked.samples:
        note(f"line {sample.line} gets this message ({sample.message.msg_type}):")
        for line in _readable(sample.message.content).splitlines():
            screen().print(f"  {printable(line)}", soft_wrap=True)


def _readable(content: dict[str, Any]) -> str:
    """A text as it is, anything else as JSON."""
    text = content.get("text")
    if len(content) == 1 and isinstance(text, str):
        return text
    return json.dumps(content, ensure_ascii=False, indent=1)
