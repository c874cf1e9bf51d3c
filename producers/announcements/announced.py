"""The answer to whoever announced something."""

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Announced"]


@dataclass(frozen=True, slots=True)
class Announced:
    """`duplicate`: an earlier call with this key had made it."""

    id: str
    total: int
    duplicate: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
