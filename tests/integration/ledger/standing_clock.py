"""A clock of fakeredis that tests move."""

__all__ = ["StandingClock"]


class StandingClock:
    """Redis time, as fakeredis has it, in ms: it stands until it is moved. A quarter of an hour begins."""

    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def __call__(self) -> float:
        return self.ms / 1000
