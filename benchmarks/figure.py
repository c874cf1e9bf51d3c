"""One row of the table of results."""

from dataclasses import dataclass

__all__ = ["Figure"]


@dataclass(frozen=True)
class Figure:
    """A measurement, its target, its result, and whether the target is met (None: no target)."""

    what: str
    asked: str
    measured: str
    met: bool | None

    def as_row(self, command: str) -> str:
        met = {True: "yes", False: "**no**", None: ""}[self.met]
        return f"| {self.what} | {self.asked} | {self.measured} | {met} | `{command}` |"
