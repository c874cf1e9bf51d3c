"""Watching an announcement: a progress bar on a terminal, otherwise a line now and then."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn
from rich.text import Text

from ledger.announcement import Announcement
from ledger.errors import NotAllowed
from ledger.health import Condition
from ledger.ledger import Ledger
from ledger.states import DRAFTED, AnnouncementState, State
from producers.cli.health_line import HealthOf, health_line, health_texts
from producers.cli.output import ExitCode, answer, answer_json, is_interactive, note, printable
from producers.cli.spoken_times import distance, told
from producers.cli.tables import screen, spoken

__all__ = ["follow", "standing", "time_left"]

#: Between two looks: its counts change all the time.
LOOK_SECONDS = 0.5
#: Between two lines where no terminal shows a bar, unless the state changes, seconds.
LINE_SECONDS = 10.0
#: Told when there are any, in this order.
_TOLD = (State.DELIVERED, State.DEFERRED, State.FAILED, State.UNKNOWN, State.EXPIRED, State.CANCELLED)

_OVER = (AnnouncementState.FINISHED, AnnouncementState.CANCELLED)

Show = Callable[[Announcement, Sequence[Condition]], None]


def looks(ledger: Ledger, id: str, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[Announcement]:
    """The announcement as it stands, again and again, until nothing of it happens any more unless somebody acts: it is
    finished or cancelled, or has paused by itself. Raises NotFound."""
    while True:
        announcement = ledger.announcements.get(id)
        yield announcement
        if announcement.stopped_itself or announcement.state in _OVER:
            return
        sleep(LOOK_SECONDS)


def follow(ledger: Ledger, id: str, as_json: bool) -> ExitCode:
    """Shows how it stands until it is finished or cancelled, or has paused by itself.

    Raises NotFound, and NotAllowed for a draft, of which nothing happens.

    Leaving with ctrl-C changes nothing for the announcement.
    """
    if (state := ledger.announcements.get(id).state) in DRAFTED:
        raise NotAllowed(id, "watch", state)
    try:
        health = HealthOf(ledger)
        with _shown(as_json) as show:
            for announcement in looks(ledger, id):
                show(announcement, health.look(announcement))
    except KeyboardInterrupt:
        note(f"{id} is still running; follow it again with `deskbell watch {id}`")
        raise
    if announcement.stopped_itself:
        note(f"{announcement.pause_reason}: look at it, then `deskbell resume {id}` lets it go on with all its rows")
    return ExitCode.DONE if announcement.ended == "complete" else ExitCode.NOT_DELIVERED


def standing(announcement: Announcement) -> str:
    """How it stands, in one line."""
    done = f"{announcement.total - announcement.left:,} of {announcement.total:,} done"
    return "; ".join([f"{_state(announcement)}, {done}", *_counts(announcement), *_pace(announcement)])


def _below_bar(announcement: Announcement) -> str:
    """The same without what the bar shows."""
    return "; ".join([_state(announcement), *_counts(announcement), *_pace(announcement)])


def _counts(announcement: Announcement) -> Iterator[str]:
    """They sum to the rows that are done; what was rerouted is a part of the delivered ones."""
    counts = announcement.counts
    parts = [f"{counts[state]:,} {state}" for state in _TOLD if counts[state]]
    if announcement.rerouted:
        parts[0] += f" ({announcement.rerouted:,} of them rerouted)"
    if parts:
        yield ", ".join(parts)


def _state(announcement: Announcement) -> str:
    if announcement.state is AnnouncementState.SCHEDULED and announcement.due_ms:
        return f"scheduled for {told(_due(announcement))}"
    if announcement.stopped_itself:
        return f"{announcement.state}: {announcement.pause_reason}"
    return f"{announcement.state}: {announcement.ended}" if announcement.ended else str(announcement.state)


def _due(announcement: Announcement) -> datetime:
    return datetime.fromtimestamp((announcement.due_ms or 0) / 1000).astimezone()


def _pace(announcement: Announcement) -> Iterator[str]:
    if announcement.rate_per_second:
        yield f"{announcement.rate_per_second * 60:,.0f} a minute"
    if announcement.eta_seconds is not None and announcement.left:
        yield f"{time_left(announcement)} left"


def time_left(announcement: Announcement) -> str:
    """Until no row is left to send; a dash where nobody knows."""
    if announcement.state is AnnouncementState.PAUSED:
        return "–, paused"
    if announcement.state is AnnouncementState.SCHEDULED and announcement.due_ms:
        return f"starts {distance(_due(announcement))}"
    return "–" if announcement.eta_seconds is None else spoken(announcement.eta_seconds)


@contextmanager
def _shown(as_json: bool) -> Iterator[Show]:
    if as_json:
        yield _Lines(lambda announcement, _: answer_json(announcement.as_json()))
    elif is_interactive():
        with _Bar() as bar:
            yield bar
    else:
        yield _Lines(_answer_lines)


def _answer_lines(announcement: Announcement, health: Sequence[Condition]) -> None:
    answer(standing(announcement))
    for condition in health:
        answer(health_line(condition))


class _Lines:
    """A line at first, at each change of state or of the health line, and now and then."""

    def __init__(self, tell: Show, clock: Callable[[], float] = time.monotonic) -> None:
        self._tell = tell
        self._clock = clock
        self._state: tuple[object, ...] | None = None
        self._told_at = 0.0

    def __call__(self, announcement: Announcement, health: Sequence[Condition]) -> None:
        now, state = self._clock(), (announcement.state, *(condition.name for condition in health))
        if state != self._state or now - self._told_at >= LINE_SECONDS:
            self._state, self._told_at = state, now
            self._tell(announcement, health)


class _Bar:
    """A bar and a line below it, which stay when it ends."""

    def __init__(self) -> None:
        self._progress = Progress(BarColumn(bar_width=None), MofNCompleteColumn(), TaskProgressColumn(), expand=True)
        self._task = self._progress.add_task("", total=None)
        self._live = Live(console=screen(), auto_refresh=False)

    def __enter__(self) -> "_Bar":
        self._live.__enter__()
        return self

    def __exit__(self, *of_error: object) -> None:
        self._live.stop()

    def __call__(self, announcement: Announcement, health: Sequence[Condition]) -> None:
        done = announcement.total - announcement.left
        self._progress.update(self._task, completed=done, total=announcement.total)
        head = Text(printable(f"{announcement.id}  {announcement.spec.name}"))
        self._live.update(
            Group(head, self._progress, Text(_below_bar(announcement)), *health_texts(health)), refresh=True
        )
