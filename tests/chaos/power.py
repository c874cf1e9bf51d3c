"""Power cuts: of the server's machine alone, and of a machine that runs everything."""

import time
from collections import Counter
from dataclasses import dataclass, field

from tests.chaos.kills import Kills
from tests.power.valkey import CuttableValkey

__all__ = ["PowerCuts"]


@dataclass
class PowerCuts:
    """Each comes while somebody is asking, if anybody still does, and leaves of the files what was fsynced."""

    kills: Kills
    counts: Counter[str] = field(default_factory=Counter)
    lost_bytes: int = 0  #: written by the server and not fsynced yet: nobody had been told anything of it

    def server(self) -> None:
        """Workers, producers and the web process are elsewhere."""
        self._come_amid_a_question()
        self.counts["server"] += 1
        self.kills.end_valkey(self._cut)

    def everything(self) -> None:
        self._come_amid_a_question()
        self.counts["everything"] += 1
        self.kills.end_everything(self._cut)

    def _cut(self) -> None:
        valkey = self.kills.scene.stage.installation.valkey
        if not isinstance(valkey, CuttableValkey):
            raise TypeError("this server's power cannot be cut")
        self.lost_bytes += valkey.cut_power()

    def _come_amid_a_question(self) -> None:
        """Of the producers in turn: the command line and the client, HTTP, announcements."""
        working = [producer for producer in self.kills.scene.stage.producers if not producer.is_done]
        if working:
            self.kills.wait_for_a_question(working[self.counts.total() % len(working)])
            time.sleep(self.kills.scene.rng.uniform(0, 0.03))
