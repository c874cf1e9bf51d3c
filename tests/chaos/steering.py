"""People who pause, resume and cancel announcements while everything breaks."""

import time
from dataclasses import dataclass, field

from ledger.errors import NotAllowed
from ledger.states import AnnouncementState
from tests.chaos.scene import Scene
from tests.chaos.stillness import Stillness, behind_the_first

__all__ = ["Steering"]

_BY = "chaos"


@dataclass
class Steering:
    """Keeps what people were told, for the judge."""

    scene: Scene
    stillnesses: list[Stillness] = field(default_factory=list)
    went_on: dict[str, float] = field(default_factory=dict)  #: when each was first to be resumed
    _paused: dict[str, float] = field(default_factory=dict)

    def pause(self) -> None:
        """One that runs; it is resumed after some seconds."""
        if (id := self._one_that_runs()) and self._may("pause", id):
            self._paused[id] = time.time()
            self.scene.later(self.scene.rng.uniform(2, 15), lambda: self._resume_one(id))

    def resume(self) -> None:
        """The one that was paused first, before its time."""
        for id in list(self._paused)[:1]:
            self._resume_one(id)

    def _resume_one(self, id: str) -> None:
        if id in self._paused:
            self.stillnesses.append(Stillness(id, self._paused.pop(id), time.time()))
            self._let_go_on(id)

    def go_on(self) -> None:
        """One that has paused by itself."""
        for id in self._that_stopped()[:1]:
            self._let_go_on(id)

    def let_all_go_on(self) -> None:
        """All that have paused by themselves."""
        for id in self._that_stopped():
            self._let_go_on(id)

    def _that_stopped(self) -> list[str]:
        get = self.scene.stage.installation.ledger.announcements.get
        return [id for id in self.scene.stage.announced() if get(id).stopped_itself]

    def _let_go_on(self, id: str) -> None:
        self.went_on.setdefault(id, time.time())
        self._may("resume", id)

    def evidence(self) -> list[Stillness]:
        """What must not have been sent when."""
        stage = self.scene.stage
        told = {id: key for key, ids in stage.told().items() if key[0] == "a" for id in ids}
        announced = {id: stage.traffic.announced(key) for id, key in told.items()}
        return [*self.stillnesses, *behind_the_first(announced, self.went_on)]

    def cancel(self) -> None:
        if (id := self._one_that_runs()) and self._may("cancel", id):
            self.stillnesses.append(Stillness(id, time.time()))

    def _one_that_runs(self) -> str | None:
        get = self.scene.stage.installation.ledger.announcements.get
        running = [id for id in self.scene.stage.announced() if get(id).state is AnnouncementState.RUNNING]
        return self.scene.rng.choice(running) if running else None

    def _may(self, verb: str, id: str) -> bool:
        """Does it. False when its last rows came to an end meanwhile: a finished one cannot be steered."""
        try:
            getattr(self.scene.stage.installation.ledger.announcements, verb)(id, _BY)
        except NotAllowed:
            return False
        return True
