"""Messages that tell of several events, and whether each tells of all that joined it, and of no others."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ledger.messages.joined_message import LAST_LINES
from ledger.record import Record
from tests.chaos.traffic import Asked

__all__ = ["Gathering", "Told", "told_in"]

#: Before each line: when its event came.
_CLOCK = re.compile(r"\d\d:\d\d ")


@dataclass(frozen=True, slots=True)
class Told:
    """What a call told: of how many events, and the markers of those that it showed."""

    count: int
    markers: tuple[str, ...]


def told_in(content: Mapping[str, Any]) -> Told:
    """An event that is told alone is a text."""
    if "text" in content:
        return Told(1, (content["text"],))
    [post] = content["post"].values()
    lines = ["".join(part["text"] for part in paragraph) for paragraph in post["content"]]
    shown = [line[len("00:00 ") :] for line in lines if _CLOCK.match(line)]
    return Told(int(post["title"].split()[0].replace(",", "")), tuple(shown))


@dataclass(frozen=True)
class Gathering:
    """A message, and the events that joined it as their records say."""

    id: str
    record: Record | None
    events: Sequence[Asked]

    @property
    def asked(self) -> Asked:
        """It goes to whom its events were for, by the policies that they share."""
        return replace(self.events[0], marker=self.id, window="")

    def findings(self, told: Sequence[Told]) -> Iterator[str]:
        """What is wrong; `told` is of each call for it."""
        if self.record is None:
            yield "joined, and the message is absent"
        elif any(not self._is_right(each) for each in told):
            yield "a message that does not tell of what joined it"
        if any(not event.window for event in self.events):
            yield "joined, and nobody asked for that"

    def _is_right(self, told: Told) -> bool:
        """A digest of so few shows them all."""
        markers = {event.marker for event in self.events}
        is_throttled = self.record is not None and self.record.progress.gathers == "throttle"
        shown = min(LAST_LINES, len(markers)) if is_throttled else len(markers)
        return told.count == len(markers) and len(told.markers) == len(set(told.markers) & markers) == shown
