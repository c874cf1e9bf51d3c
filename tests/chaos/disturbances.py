"""What goes wrong without a kill: frozen workers, connections that break, throttles, and messages that come again."""

import time
from dataclasses import dataclass

from ledger.connection import text
from tests.chaos.redelivery import redeliver
from tests.chaos.scene import DEAD_CONNECTION_SECONDS, VALKEY_BACK_SECONDS, Scene
from tests.chaos.stage import LEASE_SECONDS

__all__ = ["THROTTLE_SECONDS", "Disturbances"]

#: How long the API asks for when it is made to throttle, seconds.
THROTTLE_SECONDS = 3
#: Ids that come again in one act.
_REDELIVERED = 300


@dataclass
class Disturbances:
    """Each method is one; those that last end by themselves."""

    scene: Scene

    def freeze(self) -> None:
        """One worker at a time, in the middle of calls, past the ends of its leases."""
        stage = self.scene.stage
        if stage.frozen:
            return
        ready = stage.wait_until_ready(2)
        self.scene.wait_for_calls(6, seconds=3)
        worker = self.scene.rng.choice(ready)
        stage.freeze(worker)
        self.scene.watch.disturb()
        self.scene.later(LEASE_SECONDS + self.scene.rng.uniform(0.5, 3.0), lambda: stage.thaw(worker))

    # -- the way to Valkey

    def cut_valkey(self) -> None:
        self.scene.stage.to_valkey.cut(self._share(), self.scene.rng)
        self.scene.watch.disturb(VALKEY_BACK_SECONDS)

    def refuse_valkey(self) -> None:
        self.scene.stage.to_valkey.refuse()
        self._make_valkey_whole_in(self.scene.rng.uniform(0.5, 3.0))

    def delay_valkey(self) -> None:
        to, fro = self.scene.rng.uniform(0, 0.05), self.scene.rng.uniform(0, 0.05)
        self.scene.stage.to_valkey.delay(requests_seconds=to, answers_seconds=fro)
        self._make_valkey_whole_in(self.scene.rng.uniform(1, 3))

    def _make_valkey_whole_in(self, seconds: float) -> None:
        self.scene.watch.disturb(seconds + VALKEY_BACK_SECONDS)
        self.scene.later(seconds, self.scene.stage.to_valkey.make_whole)

    def lose_valkey(self) -> None:
        self.scene.stage.to_valkey.lose(self._share(), self.scene.rng, requests=self.scene.rng.random() < 0.5)
        self.scene.watch.disturb(DEAD_CONNECTION_SECONDS)
        self.scene.half_open_until = time.monotonic() + DEAD_CONNECTION_SECONDS

    # -- the way to the sandbox

    def cut_sandbox(self) -> None:
        self.scene.stage.to_sandbox.cut(self._share(), self.scene.rng)

    def refuse_sandbox(self) -> None:
        self.scene.stage.to_sandbox.refuse()
        self.scene.later(self.scene.rng.uniform(0.3, 2.0), self.scene.stage.to_sandbox.make_whole)

    def delay_sandbox(self) -> None:
        """Only the answers: requests that are kept back and let go together would break the quota, and nobody here
        could have known."""
        self.scene.stage.to_sandbox.delay(answers_seconds=self.scene.rng.uniform(0.2, 1.2))
        self.scene.later(self.scene.rng.uniform(0.5, 2.0), self.scene.stage.to_sandbox.make_whole)

    def lose_sandbox(self) -> None:
        self.scene.stage.to_sandbox.lose(self._share(), self.scene.rng, requests=self.scene.rng.random() < 0.5)

    def _share(self) -> float:
        """Of the connections."""
        return self.scene.rng.uniform(0.25, 1.0)

    def throttle(self) -> None:
        """One call gets a 429; nothing else begins until the throttle is over.

        A desk that is throttled twice within minutes uses less of its rate for a day, which would ease the rest of the
        run: it gets the whole of it again.
        """
        headers = {"x-ogw-ratelimit-reset": str(THROTTLE_SECONDS)}
        answer = {"status": 429, "code": 99991400, "msg": "request trigger frequency limit", "headers": headers}
        self.scene.stage.installation.sandbox.fault({"prefix": "ou_"}, {"answer": answer}, times=1)
        self.scene.wait(THROTTLE_SECONDS + 1)
        ledger = self.scene.stage.installation.ledger
        ledger.redis.delete(ledger.keys.share("default"))

    def lose_contacts(self) -> None:
        """Feishu says of nobody who it is: all that has a receiver is sent meanwhile. Walks ask again, too."""
        sandbox = self.scene.stage.installation.sandbox
        answer = {"status": 503, "code": 40003, "msg": "internal error"}
        for path in ("users", "department_users|department_children"):
            sandbox.fault({"path": path}, {"answer": answer}, times=self.scene.rng.randint(1, 4))

    def redeliver(self) -> None:
        """Wake-up calls for some of all ids that there are, and for those that are on their way just now."""
        stage, rng = self.scene.stage, self.scene.rng
        leases = stage.installation.ledger.redis.zrange(stage.installation.ledger.keys.leases("default"), 0, -1)
        ids = stage.all_ids()
        some = rng.sample(ids, min(_REDELIVERED, len(ids)))
        redeliver(stage.installation.ledger.redis, [*some, *map(text, leases)], rng)
