"""The server's memory: its limit, its use, and how the embedded one allocates it."""

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.phrases import Phrase

__all__ = ["NEARLY_FULL", "Fullness", "checked_limit", "environment_of_server", "limit_bytes"]

#: From this share of `maxmemory` on it is worth a word.
NEARLY_FULL = 0.75
#: The limit is never below so many times of what the server holds when it starts: it would refuse everything at once.
LEAST_ROOM = 1.5
UNLIMITED = "unlimited"

_WRITTEN = re.compile(r"(\d{1,12})\s*(%|kb|mb|gb)", re.IGNORECASE)
_UNITS = {"kb": 2**10, "mb": 2**20, "gb": 2**30}
#: Where a container's limit stands (cgroup v2, v1).
_CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
#: So many freed pieces of a size glibc keeps at hand, the latest first; 7 by default. The embedded server has no other
#: allocator. Loading a large announcement leaves tens of thousands of holes, and scripts would get memory all over the
#: place, which is in no cache.
KEPT_PIECES = 20_000
#: Before this glibc counted them in one byte.
_GLIBC_THAT_COUNTS = (2, 30)


@dataclass(frozen=True, slots=True)
class Fullness:
    """Memory that counts towards the limit, and the limit, bytes."""

    used: int
    limit: int

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> "Fullness | None":
        """From INFO; None without a limit. Buffers for replicas and files do not count."""
        limit = int(info.get("maxmemory") or 0)
        used = int(info.get("used_memory", 0)) - int(info.get("mem_not_counted_for_evict", 0))
        return cls(used, limit) if limit else None

    @property
    def share(self) -> float:
        return self.used / self.limit


def checked_limit(text: str) -> str:
    """`50%`, `512mb`, `2gb` or `unlimited`. Raises ValueError."""
    found = _WRITTEN.fullmatch(text.strip())
    share = found and found[2] == "%"
    if text.strip().lower() == UNLIMITED or (found and 0 < int(found[1]) <= (100 if share else 10**12)):
        return text.strip().lower()
    raise ValueError(
        Phrase(
            "{text} is not an amount of memory: use 2gb, 512mb, 50% (of the machine's memory), or unlimited",
            text=repr(text),
        )
    )


def limit_bytes(limit: str, holds: int) -> int:
    """The `maxmemory` to set for a server that holds this many bytes now; 0 means no limit."""
    if limit == UNLIMITED:
        return 0
    number, unit = limit.rstrip("%kmgb "), limit.lstrip("0123456789 ")
    asked = int(number) * _machine_bytes() // 100 if unit == "%" else int(number) * _UNITS[unit]
    return max(asked, int(holds * LEAST_ROOM))


def environment_of_server(libc: tuple[str, str] | None = None) -> Mapping[str, str]:
    """Of the embedded server: ours, and what its allocator is told unless somebody has told it something else."""
    name, version = libc or platform.libc_ver()
    if name != "glibc" or tuple(map(int, version.split("."))) < _GLIBC_THAT_COUNTS:
        return os.environ
    return {"GLIBC_TUNABLES": f"glibc.malloc.tcache_count={KEPT_PIECES}", **os.environ}


def _machine_bytes() -> int:
    """Of the machine, or of the container that this runs in."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = (path.read_text().strip() for path in _CGROUPS if path.exists())
    return min([physical, *(int(limit) for limit in limits if limit.isdecimal())])
