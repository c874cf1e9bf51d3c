"""People who pause, resume and cancel announcements in a schedule."""

from typing import TYPE_CHECKING

from ledger.errors import NotAllowed, NotFound
from tests.chaos.stillness import Stillness, behind_the_first
from tests.chaos.traffic import Announced
from tests.simulation.act import Act
from tests.simulation.clock import START_SECONDS
from tests.simulation.network import OPERATOR
from tests.simulation.timeline import Process

if TYPE_CHECKING:
    from tests.simulation.scene import Scene

__all__ = ["Operators"]

_BY = "simulation"
#: Until there is an announcement to pause, seconds; and until what failed is repeated.
_LOOK_AGAIN_SECONDS, _AGAIN_SECONDS = 0.1, 0.2


class Operators:
    """Keeps what they were told, for the judge."""

    def __init__(self, scene: "Scene") -> None:
        self._scene = scene
        self._stillnesses: list[Stillness] = []
        self._went_on: dict[str, float] = {}  #: when each announcement was first to be resumed
        self._paused: set[str] = set()

    def pause(self, act: Act) -> None:
        """One announcement, as soon as there is one; it is resumed some time later."""
        if act.number % 2:  # what was released before is claimed after it
            self._scene.queue.longest_delay_seconds = 4.0
        id = self._one_announcement(act)
        if id and id not in self._paused:
            self._paused.add(id)
            Process(self._scene.timeline, OPERATOR).spawn(self._pause_for, id, 1.5 + act.seconds)
        elif not id and self._scene.timeline.now < self._scene.schedule.lasts_seconds:
            self._scene.timeline.after(_LOOK_AGAIN_SECONDS, self.pause, act)

    def _pause_for(self, id: str, seconds: float) -> None:
        """If its answer was lost, it seems not to be allowed the second time, and is paused all the same."""
        is_told, told_at = self._steer("pause", id), START_SECONDS + self._scene.timeline.now
        self._scene.timeline.sleep(seconds)
        until = START_SECONDS + self._scene.timeline.now
        self._go_on(id)
        if is_told:
            self._stillnesses.append(Stillness(id, told_at, until))

    def _go_on(self, id: str) -> None:
        self._went_on.setdefault(id, START_SECONDS + self._scene.timeline.now)
        self._steer("resume", id)

    def let_go_on(self) -> None:
        """Once all is calm: what has paused by itself and was never resumed."""
        for id in sorted(self._announced()):
            stopped = self._scene.network.ask("HGET", self._scene.ledger.keys.lane(id), "paused_by")
            if stopped == b"first_n" and id not in self._went_on:
                Process(self._scene.timeline, OPERATOR).spawn(self._go_on, id)

    def evidence(self) -> list[Stillness]:
        """What must not have been sent when."""
        return [*self._stillnesses, *behind_the_first(self._announced(), self._went_on)]

    def _announced(self) -> dict[str, Announced]:
        """By id."""
        scene = self._scene
        return {id: scene.schedule.announced[key] for key, told in scene.told.items() if key[0] == "a" for id in told}

    def cancel(self, act: Act) -> None:
        if id := self._one_announcement(act):
            Process(self._scene.timeline, OPERATOR).spawn(self._cancel_one, id)

    def _cancel_one(self, id: str) -> None:
        if self._steer("cancel", id):
            self._stillnesses.append(Stillness(id, START_SECONDS + self._scene.timeline.now))

    def _one_announcement(self, act: Act) -> str | None:
        ids = sorted(self._announced())
        return ids[act.number % len(ids)] if ids else None

    def _steer(self, verb: str, id: str) -> bool:
        """Until it is done. False when it cannot be."""
        while True:
            try:
                getattr(self._scene.ledger.announcements, verb)(id, _BY)
            except (NotAllowed, NotFound):
                return False
            except Exception as error:
                self._scene.story.note("operator", verb, repr(error))
                self._scene.timeline.sleep(_AGAIN_SECONDS)
            else:
                return True
