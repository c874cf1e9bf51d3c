"""The oldest releases of Valkey and Redis without the holes that are known to us.

Valkey, from its release notes: pull request 4342 removes a transaction of which a power cut left only the head from
the end of the append-only file. Before that the head stayed, and whatever was written after the restart became part of
it: the next restart lost all of it. The same releases, or some before them, fix uses after free in TLS, RDMA and Lua
(CVE-2026-56684, GHSA-jcj7-v34w-v9vv, GHSA-fq2f-crmw-q97r).

Redis, from the record of CVE-2026-81934 (a use after free in TLS that needs no login). Its loader treats a transaction
without an end as Valkey's did; we know of no release of Redis that removes it, so no floor stands for that.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ledger.phrases import Phrase

__all__ = ["FLOORS", "OldServer", "Version"]

Version = tuple[int, ...]

#: By server, for each line (the first two numbers) the first release without the holes.
FLOORS: Mapping[str, Mapping[Version, Version]] = {
    "Valkey": {(7, 2): (7, 2, 15), (8, 0): (8, 0, 11), (8, 1): (8, 1, 10), (9, 0): (9, 0, 6), (9, 1): (9, 1, 2)},
    "Redis": {
        (6, 2): (6, 2, 24),
        (7, 2): (7, 2, 16),
        (7, 4): (7, 4, 11),
        (8, 2): (8, 2, 9),
        (8, 4): (8, 4, 6),
        (8, 6): (8, 6, 6),
        (8, 8): (8, 8, 2),
        (8, 10): (8, 10, 1),
    },
}


@dataclass(frozen=True, slots=True)
class OldServer:
    """A server below its floor."""

    name: str
    version: str
    floor: str

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Self | None:
        """By the server's own INFO; None when it is not below a floor, or does not say its version."""
        name = "Valkey" if "valkey_version" in info else "Redis"
        version = str(info.get(f"{name.lower()}_version", ""))
        floor = _floor(name, version)
        return cls(name, version, floor) if floor else None

    @property
    def found(self) -> Phrase:
        if self.name == "Redis":
            return Phrase("Redis {version} lacks security fixes", version=self.version)
        return Phrase(
            "Valkey {version} lacks security fixes, and after a power cut in the middle of a write it may lose what is"
            " written later at its next restart",
            version=self.version,
        )

    @property
    def do(self) -> Phrase:
        return Phrase("upgrade it to {floor} or a later release", floor=self.floor)


def _floor(name: str, version: str) -> str:
    """The release to upgrade to: of the same line, or the newest if that line gets no fixes any more."""
    numbers = tuple(int(part) for part in version.split(".") if part.isdecimal())
    floors = FLOORS[name]
    if len(numbers) < 3 or numbers[:2] > max(floors):
        return ""
    floor = floors.get(numbers[:2], max(floors.values()))
    return ".".join(map(str, floor)) if numbers < floor else ""
