"""`deskbell watch` without an id: the console's page *Now*, on a terminal."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ledger.health import Condition
from ledger.ledger import Ledger
from ledger.overview import DeskOverview, Overview, Snapshot
from ledger.phrases import Phrase
from ledger.states import State
from ledger.tally import Minute
from producers.cli.health_line import health_line, health_texts
from producers.cli.output import answer, answer_json, is_interactive, printable
from producers.cli.tables import in_colour, screen, spoken
from producers.cli.watch_announcement import time_left

__all__ = ["drawn", "lines_of", "watch_all"]

#: Between two looks.
LOOK_SECONDS = 1.0
#: Of a bar, from nothing to full.
_LEVELS = " ▁▂▃▄▅▆▇█"
_GAUGE_CHARACTERS = 24


def watch_all(ledger: Ledger, as_json: bool, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Shows it until ctrl-C on a terminal, once elsewhere and as JSON."""
    overview = Overview(ledger)
    if as_json:
        answer_json(overview.survey().as_json())
    elif not is_interactive():
        for line in lines_of(overview.survey()):
            answer(line)
    else:
        _show(overview, sleep)


def lines_of(snapshot: Snapshot) -> list[str]:
    """All of it without a terminal: a line for each desk, and one for each lane of it."""
    lines = [_head(snapshot), *map(health_line, _conditions(snapshot))]
    for name, sight in snapshot.desks.items():
        lines.append(f"{name}: {_standing(snapshot, sight)}")
        for lane in sight.status.lanes:
            announcement = snapshot.announcements.get(lane.name)
            what = f"{lane.name} {announcement.spec.name}" if announcement else lane.name
            oldest = f", oldest waiting {spoken(lane.oldest_seconds)}" if lane.oldest_seconds is not None else ""
            lines.append(f"{name}: {what}: {lane.waiting:,} waiting{oldest}")
    return lines


def _show(overview: Overview, sleep: Callable[[float], None]) -> None:
    with Live(console=screen(), auto_refresh=False, screen=True) as live:
        while True:
            live.update(drawn(overview.glance()), refresh=True)
            sleep(LOOK_SECONDS)


def drawn(snapshot: Snapshot) -> RenderableType:
    parts: list[RenderableType] = [Text(_head(snapshot), style="bold"), *health_texts(_conditions(snapshot))]
    for name, sight in snapshot.desks.items():
        parts += [
            Text(),
            _desk_line(name, snapshot, sight),
            *_gauges(sight),
            _chart(sight.hour),
            _lanes(snapshot, sight),
        ]
    return Group(*parts)


def _conditions(snapshot: Snapshot) -> tuple[Condition, ...]:
    return snapshot.conditions(snapshot.desks.__contains__)


def _head(snapshot: Snapshot) -> str:
    workers = Phrase("{n} worker | {n} workers", n=len(snapshot.workers))
    threads = Phrase("{n} thread | {n} threads", n=sum(worker.concurrency for worker in snapshot.workers))
    rows = sum(each.counts[State.UNKNOWN] for each in snapshot.announcements.values())
    unknown = snapshot.events_at_rest[State.UNKNOWN] + rows
    needs = f", {unknown:,} maybe sent: to be settled by a person" if unknown else ""
    alive = f"{workers}, {threads}" if snapshot.workers else "no worker is running"
    return f"{datetime.now().astimezone():%H:%M:%S}  {alive}{needs}"


def _standing(snapshot: Snapshot, sight: DeskOverview) -> str:
    status = sight.status
    serves = snapshot.workers and status.name not in snapshot.vitals.unserved
    if status.hold:
        return f"{status.hold['kind']}: {status.hold['reason']}"
    waiting = sum(lane.waiting for lane in status.lanes)
    held = f", {status.unresolved:,} without a receiver ({status.people_hold['kind']})" if status.people_hold else ""
    used = "".join(
        f", {each.used} of {Phrase('{n} call | {n} calls', n=each.limit)} in {each.seconds} s"
        for each in status.windows
    )
    left = f", {spoken(status.eta_seconds)} left" if serves and waiting and status.eta_seconds else ""
    return f"{waiting:,} waiting{used}, {sight.last_minute:,} delivered in the last minute{left}{held}"


def _desk_line(name: str, snapshot: Snapshot, sight: DeskOverview) -> Text:
    line = Text(printable(f"{name}  "), style="bold")
    return line.append(printable(_standing(snapshot, sight)), style="red" if sight.status.hold else "not bold")


def _gauges(sight: DeskOverview) -> list[Text]:
    lines = []
    for window in sight.status.windows:
        filled = min(_GAUGE_CHARACTERS, round(_GAUGE_CHARACTERS * window.used / window.limit))
        bar = Text("━" * filled, style="blue").append("━" * (_GAUGE_CHARACTERS - filled), style="bright_black")
        lines.append(bar.append(f" {window.used} of {window.limit}", style="default"))
    return lines


def _chart(hour: Sequence[Minute]) -> Text:
    """A column for each minute; red where something failed."""
    highest = max((sum(minute.counts.values()) for minute in hour), default=0) or 1
    line = Text()
    for minute in hour:
        level = -(-(len(_LEVELS) - 1) * sum(minute.counts.values()) // highest)
        line.append(_LEVELS[level], style="red" if minute.counts.get("failed") else "green")
    return line.append("  last hour", style="dim")


def _lanes(snapshot: Snapshot, sight: DeskOverview) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("lane", "waiting", "oldest", "done", "left"):
        table.add_column(column, justify="left" if column == "lane" else "right")
    for lane in sight.status.lanes:
        announcement = snapshot.announcements.get(lane.name)
        oldest = spoken(lane.oldest_seconds) if lane.oldest_seconds is not None else "–"
        if announcement is None:
            table.add_row(lane.name, f"{lane.waiting:,}", oldest, "", "")
            continue
        done = 100 * (announcement.total - announcement.left) // announcement.total
        name = Text(printable(announcement.spec.name) + " ").append(in_colour(announcement.state))
        left = time_left(announcement)
        table.add_row(name, f"{lane.waiting:,}", oldest, f"{done} %", left)
    return table
