"""What happens next: acts, drawn one after another from a seed."""

from collections import Counter
from collections.abc import Callable

from tests.chaos.disturbances import Disturbances
from tests.chaos.kills import Kills
from tests.chaos.power import PowerCuts
from tests.chaos.scene import Scene
from tests.chaos.steering import Steering
from tests.chaos.stops import Stops

__all__ = ["Script"]


class Script:
    """`say` is told the name of each act. `cuts_a_kill`: how many power cuts are wanted for each kill."""

    def __init__(self, scene: Scene, say: Callable[[str], None], cuts_a_kill: float) -> None:
        self.scene, self._say, self._cuts_a_kill = scene, say, cuts_a_kill
        self.kills, self.disturbances, self.steering = Kills(scene), Disturbances(scene), Steering(scene)
        self.power = PowerCuts(self.kills)
        self.stops = Stops(scene)
        self.done: Counter[str] = Counter()
        self._weights = self._weighted()

    def _weighted(self) -> dict[Callable[[], None], float]:
        """How often each act is drawn. Kills make up three quarters, power cuts aside."""
        kills, disturbances, steering, power = self.kills, self.disturbances, self.steering, self.power
        return {
            power.server: 68 * self._cuts_a_kill, power.everything: 17 * self._cuts_a_kill,
            kills.worker: 36, kills.pacer: 20, kills.valkey: 12, kills.producer: 10, kills.audience: 6, kills.web: 6,
            kills.everything: 1, kills.orderly_restart: 1, disturbances.freeze: 4,
            disturbances.cut_valkey: 2, disturbances.refuse_valkey: 1,
            disturbances.delay_valkey: 1, disturbances.lose_valkey: 2,
            disturbances.cut_sandbox: 2, disturbances.refuse_sandbox: 1,
            disturbances.delay_sandbox: 1, disturbances.lose_sandbox: 2,
            disturbances.throttle: 3, disturbances.lose_contacts: 3, disturbances.redeliver: 6,
            steering.pause: 4, steering.resume: 4, steering.cancel: 1, steering.go_on: 8, self.stops.worker: 24,
        }  # fmt: skip

    def overture(self, power_cuts: int) -> list[Callable[[], None]]:
        """What no run may do without, however short it is, in any order; and one worker is frozen from the start."""
        cuts = [self.power.everything, *[self.power.server] * 4]
        kills, disturbances, steering = self.kills, self.disturbances, self.steering
        acts = [
            kills.worker, kills.worker, kills.pacer, kills.valkey, kills.producer, kills.producer, kills.web,
            kills.audience, kills.audience,
            disturbances.redeliver, disturbances.cut_valkey, disturbances.lose_sandbox, disturbances.throttle,
            disturbances.lose_contacts,
            steering.pause, steering.cancel,
            *cuts[:power_cuts],
        ]  # fmt: skip
        return [disturbances.freeze, *self.scene.rng.sample(acts, len(acts))]

    def draw(self) -> None:
        """One act."""
        [act] = self.scene.rng.choices(list(self._weights), list(self._weights.values()))
        self.do(act)

    def do(self, act: Callable[[], None]) -> None:
        name = act.__qualname__.replace("Disturbances.", "").replace("Steering.", "").replace("Kills.", "kill ")
        name = name.replace("PowerCuts.", "power cut of ").replace("Stops.", "stop ")
        self.done[name] += 1
        self._say(name)
        act()
