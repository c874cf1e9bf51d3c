"""`deskbell watch` without an id: the console's page *Now*, on a terminal."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ledger.desk_status import Lane, Window
from ledger.health import Condition
from ledger.ledger import Ledger
from ledger.overview import DeskOverview, Overview, Snapshot
from ledger.phrases import Phrase, listed
from ledger.spread_overview import SpreadOverview, overview_of
from ledger.states import State
from ledger.tally import Minute
from producers.cli.desks import held
from producers.cli.health_line import health_line, health_texts
from producers.cli.language import word
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
    overview = overview_of(ledger)
    if as_json:
        answer_json(overview.survey().as_json())
    elif not is_interactive():
        for line in lines_of(overview.survey()):
            answer(line)
    else:
        _show(overview, sleep)


def lines_of(snapshot: Snapshot) -> list[Phrase]:
    """All of it without a terminal: a line for each desk, and one for each lane of it."""
    lines = [_head(snapshot), *map(health_line, _conditions(snapshot))]
    for name, sight in snapshot.desks.items():
        lines.append(Phrase("{name}: {value}", name=name, value=_standing(snapshot, sight)))
        for lane in sight.status.lanes:
            announcement = snapshot.announcements.get(lane.name)
            what = f"{lane.name} {announcement.spec.name}" if announcement else word(lane.name)
            told = Phrase("{name}: {value}", name=what, value=_waiting(lane))
            lines.append(Phrase("{name}: {value}", name=name, value=told))
    return lines


def _waiting(lane: Lane) -> Phrase:
    if lane.oldest_seconds is None:
        return Phrase("{n:,} waiting", n=lane.waiting)
    return Phrase("{n:,} waiting, oldest waiting {span}", n=lane.waiting, span=spoken(lane.oldest_seconds))


def _show(overview: Overview | SpreadOverview, sleep: Callable[[float], None]) -> None:
    with Live(console=screen(), auto_refresh=False, screen=True) as live:
        while True:
            live.update(drawn(overview.glance()), refresh=True)
            sleep(LOOK_SECONDS)


def drawn(snapshot: Snapshot) -> RenderableType:
    parts: list[RenderableType] = [Text(printable(_head(snapshot)), style="bold"), *health_texts(_conditions(snapshot))]
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


def _head(snapshot: Snapshot) -> Phrase:
    rows = sum(each.counts[State.UNKNOWN] for each in snapshot.announcements.values())
    unknown = snapshot.events_at_rest[State.UNKNOWN] + rows
    needs = [Phrase("{n:,} maybe sent: to be settled by a person", n=unknown)] if unknown else []
    now = f"{datetime.now().astimezone():%H:%M:%S}"
    return Phrase("{time}  {facts}", time=now, facts=listed([*_workers(snapshot), *needs]))


def _workers(snapshot: Snapshot) -> list[Phrase]:
    if not snapshot.workers:
        return [Phrase("no worker is running")]
    threads = sum(worker.concurrency for worker in snapshot.workers)
    return [
        Phrase("{n} worker | {n} workers", n=len(snapshot.workers)),
        Phrase("{n} thread | {n} threads", n=threads),
    ]


def _standing(snapshot: Snapshot, sight: DeskOverview) -> str:
    return held(sight.status.hold) if sight.status.hold else listed([*_facts(snapshot, sight)])


def _facts(snapshot: Snapshot, sight: DeskOverview) -> Iterator[Phrase]:
    status = sight.status
    vitals = snapshot.vitals_of(status.name)
    serves = vitals.workers and status.name not in vitals.unserved
    waiting = sum(lane.waiting for lane in status.lanes)
    yield Phrase("{n:,} waiting", n=waiting)
    for each in status.windows:
        about = {"used": each.used, "n": each.limit, "seconds": each.seconds}
        yield Phrase("{used} of {n} call in {seconds} s | {used} of {n} calls in {seconds} s", **about)
    yield Phrase("{n:,} delivered in the last minute", n=sight.last_minute)
    if serves and waiting and status.eta_seconds:
        yield Phrase("{span} left", span=spoken(status.eta_seconds))
    if status.people_hold:
        kind = word(status.people_hold["kind"])
        yield Phrase("{n:,} without a receiver ({kind})", n=status.unresolved, kind=kind)


def _desk_line(name: str, snapshot: Snapshot, sight: DeskOverview) -> Text:
    line = Text(printable(f"{name}  "), style="bold")
    return line.append(printable(_standing(snapshot, sight)), style="red" if sight.status.hold else "not bold")


def _gauges(sight: DeskOverview) -> list[Text]:
    lines = []
    for window in sight.status.windows:
        filled = min(_GAUGE_CHARACTERS, round(_GAUGE_CHARACTERS * window.used / window.limit))
        bar = Text("━" * filled, style="blue").append("━" * (_GAUGE_CHARACTERS - filled), style="bright_black")
        lines.append(bar.append(" " + printable(_used(window)), style="default"))
    return lines


def _used(window: Window) -> Phrase:
    return Phrase("{used} of {limit}", used=window.used, limit=window.limit)


def _chart(hour: Sequence[Minute]) -> Text:
    """A column for each minute; red where something failed."""
    highest = max((sum(minute.counts.values()) for minute in hour), default=0) or 1
    line = Text()
    for minute in hour:
        level = -(-(len(_LEVELS) - 1) * sum(minute.counts.values()) // highest)
        line.append(_LEVELS[level], style="red" if minute.counts.get("failed") else "green")
    return line.append("  " + printable(Phrase("last hour")), style="dim")


def _lanes(snapshot: Snapshot, sight: DeskOverview) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("lane", "waiting", "oldest", "done", "left"):
        table.add_column(word(column), justify="left" if column == "lane" else "right")
    for lane in sight.status.lanes:
        announcement = snapshot.announcements.get(lane.name)
        oldest = printable(spoken(lane.oldest_seconds)) if lane.oldest_seconds is not None else "–"
        if announcement is None:
            table.add_row(word(lane.name), f"{lane.waiting:,}", oldest, "", "")
            continue
        done = 100 * (announcement.total - announcement.left) // announcement.total
        name = Text(printable(announcement.spec.name) + " ").append(in_colour(announcement.state))
        left = printable(time_left(announcement))
        table.add_row(name, f"{lane.waiting:,}", oldest, f"{done} %", left)
    return table
