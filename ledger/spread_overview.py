"""The overview of an installation: of one server, or of several, of which any may be away."""

import time
from collections.abc import Callable, Collection

import redis

from ledger.connection import translated
from ledger.draft_verbs import last_edit_ms
from ledger.health import Condition, Severity
from ledger.ledger import Ledger
from ledger.overview import AwayServer, Overview, Snapshot
from ledger.phrases import Phrase, parted, said
from ledger.states import State

__all__ = ["SpreadOverview", "overview_of"]

#: A server that could not be read is left alone for so many times the look that failed, within these bounds, seconds:
#: one that hangs would make every page wait for it.
_REST_FACTOR, _LEAST_REST, _LONGEST_REST = 5, 1.0, 20.0


def overview_of(ledger: Ledger) -> "Overview | SpreadOverview":
    return Overview(ledger) if len(ledger.servers) == 1 else SpreadOverview(ledger)


class SpreadOverview:
    """As `Overview`: not thread-safe. Raises redis-py's errors when the home is away, which has keys and sessions."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.monotonic) -> None:
        home, *others = ledger.servers
        self._home = Overview(home)
        self._others = [_Other(each, clock) for each in others]

    def survey(self) -> Snapshot:
        return self._together(self._home.survey(), [other.look(Overview.survey) for other in self._others])

    def forget(self, id: str) -> None:
        """Makes the next glance read this announcement again."""
        self._home.forget(id)
        for other in self._others:
            other.overview.forget(id)

    def glance(self, watched: Collection[str] = ()) -> Snapshot:
        def glance(overview: Overview) -> Snapshot:
            return overview.glance(watched)

        return self._together(glance(self._home), [other.look(glance) for other in self._others])

    def _together(self, home: Snapshot, others: "list[Snapshot | AwayServer]") -> Snapshot:
        parts = [home, *(each for each in others if isinstance(each, Snapshot))]
        announcements = {id: each for part in parts for id, each in part.announcements.items()}
        drafts = sorted((each for part in parts for each in part.drafts), key=last_edit_ms, reverse=True)
        at_rest = {state: sum(part.events_at_rest[state] for part in parts) for state in (State.FAILED, State.UNKNOWN)}
        return Snapshot(
            home.where,
            home.at_ms,
            {name: desk for part in parts for name, desk in part.desks.items()},
            dict(sorted(announcements.items(), key=lambda found: found[1].created_ms, reverse=True)),
            home.vitals,
            at_rest,
            sum(part.lost_messages for part in parts),
            tuple(drafts),
            parts=tuple(parts),
            away=tuple(each for each in others if isinstance(each, AwayServer)),
        )


class _Other:
    """A server beside the home."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._ledger, self._clock = ledger, clock
        self.overview = Overview(ledger)
        self._rests_until = 0.0
        self._away: AwayServer | None = None

    def look(self, at: Callable[[Overview], Snapshot]) -> Snapshot | AwayServer:
        begins = self._clock()
        if self._away and begins < self._rests_until:
            return self._away
        try:
            found = at(self.overview)
        except redis.RedisError as error:
            now = self._clock()
            self._rests_until = now + min(max(_REST_FACTOR * (now - begins), _LEAST_REST), _LONGEST_REST)
            self._away = AwayServer(tuple(self._ledger.settings.desks_here), self._condition(error))
            self.overview = Overview(self._ledger)  # nothing old is shown when it is back
            return self._away
        self._away = None
        return found

    def _condition(self, error: redis.RedisError) -> Condition:
        known = translated(error, self._ledger.settings)
        found, do = parted(known.detail) if known else (said(str(error)), "")
        stops = Phrase("nothing is accepted or sent for {desks}", desks=", ".join(self._ledger.settings.desks_here))
        told = Phrase("{field}: {problem}", field=found, problem=stops)
        return Condition("redis_away", Severity.FAIL, told, do, "RedisDown")
