"""Watching an announcement: a progress bar on a terminal, otherwise a line now and then."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn
from rich.text import Text

from ledger.announcement import Announcement
from ledger.errors import NotAllowed
from ledger.health import Condition
from ledger.ledger import Ledger
from ledger.phrases import Phrase, listed
from ledger.states import DRAFTED, AnnouncementState, State
from producers.cli.health_line import HealthOf, health_line, health_texts
from producers.cli.language import in_sequence, word
from producers.cli.output import ExitCode, answer, answer_json, is_interactive, note, printable
from producers.cli.spoken_times import distance, moment, told
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
        note(Phrase("{id} is still running; follow it again with `deskbell watch {id}`", id=id))
        raise
    if announcement.stopped_itself:
        note(
            Phrase(
                "{why}: look at it, then `deskbell resume {id}` lets it go on with all its rows",
                why=announcement.pause_reason,
                id=id,
            )
        )
    return ExitCode.DONE if announcement.ended == "complete" else ExitCode.NOT_DELIVERED


def standing(announcement: Announcement) -> str:
    """How it stands, in one line."""
    done, total = announcement.total - announcement.left, announcement.total
    head = Phrase("{how}, {done:,} of {total:,} done", how=_state(announcement), done=done, total=total)
    return in_sequence([head, *_counts(announcement), *_pace(announcement)])


def _below_bar(announcement: Announcement) -> str:
    """The same without what the bar shows."""
    return in_sequence([_state(announcement), *_counts(announcement), *_pace(announcement)])


def _counts(announcement: Announcement) -> Iterator[str]:
    """They sum to the rows that are done; what was rerouted is a part of the delivered ones."""
    counts = announcement.counts
    parts = [Phrase("{n:,} {state}", n=counts[state], state=word(state)) for state in _TOLD if counts[state]]
    if announcement.rerouted:
        parts[0] = Phrase("{count} ({n:,} of them rerouted)", count=parts[0], n=announcement.rerouted)
    if parts:
        yield listed(parts)


def _state(announcement: Announcement) -> str:
    state = word(announcement.state)
    if announcement.state is AnnouncementState.SCHEDULED and announcement.due_ms:
        return Phrase("scheduled for {time}", time=told(moment(announcement.due_ms)))
    if announcement.stopped_itself:
        return Phrase("{state}: {why}", state=state, why=announcement.pause_reason)
    return Phrase("{state}: {why}", state=state, why=word(announcement.ended)) if announcement.ended else state


def _pace(announcement: Announcement) -> Iterator[Phrase]:
    if announcement.rate_per_second:
        yield Phrase("{n:,.0f} a minute", n=announcement.rate_per_second * 60)
    if announcement.eta_seconds is not None and announcement.left:
        yield Phrase("{span} left", span=time_left(announcement))


def time_left(announcement: Announcement) -> str:
    """Until no row is left to send; a dash where nobody knows."""
    if announcement.state is AnnouncementState.PAUSED:
        return Phrase("–, paused")
    if announcement.state is AnnouncementState.SCHEDULED and announcement.due_ms:
        return Phrase("starts {distance}", distance=distance(moment(announcement.due_ms)))
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
            Group(head, self._progress, Text(printable(_below_bar(announcement))), *health_texts(health)), refresh=True
        )
