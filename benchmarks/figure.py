"""One row of the table of results."""

from dataclasses import dataclass

__all__ = ["Figure"]


@dataclass(frozen=True)
class Figure:
    """What was measured, what was asked for, what came out, and whether it is met (None: nothing was asked for)."""

    what: str
    asked: str
    measured: str
    met: bool | None
    command: str

    def as_row(self) -> str:
        met = {True: "yes", False: "**no**", None: ""}[self.met]
        return f"| {self.what} | {self.asked} | {self.measured} | {met} | `{self.command}` |"
