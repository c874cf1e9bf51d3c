"""Something that happens in a schedule."""

from dataclasses import dataclass

__all__ = ["Act"]


@dataclass(frozen=True, slots=True)
class Act:
    """`seconds` is how long it lasts, or by how much."""

    at: float
    kind: str
    seconds: float = 0.0
    number: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.seconds:.2f} {self.number}"
