"""What happened in a schedule, line by line. It is written out when somebody wants to read it."""

from collections.abc import Iterator
from typing import Any

from ledger.store import NAMES, _sha
from tests.simulation.timeline import Timeline

__all__ = ["Story"]

#: Of a value in a line, characters.
_SHOWN = 120


class Story:
    """Of one schedule."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._notes: list[tuple[float, str, tuple[Any, ...]]] = []

    def note(self, who: str, *what: Any) -> None:
        self._notes.append((self._timeline.now, who, what))

    def __iter__(self) -> Iterator[str]:
        verbs = {_sha(name): name for name in NAMES}
        for at, who, what in self._notes:
            words = [verbs.get(word, word) if isinstance(word, str) else word for word in what]
            yield f"{at:10.4f}  {who:<9} {' '.join(filter(None, map(_shown, words)))}"

    def __str__(self) -> str:
        return "\n".join(self)


def _shown(value: Any) -> str:
    if isinstance(value, dict):  # a hash, whose order is the server's own
        value = dict(sorted(value.items()))
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
