"""A clock of fakeredis that tests move."""

__all__ = ["START_MS", "StandingClock"]

#: Where it begins, ms: the start of a quarter-hour. Otherwise any time would do.
START_MS = 1_800_000_000_000


class StandingClock:
    """Redis time, as fakeredis has it, in ms: it stands until it is moved."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> float:
        return self.ms / 1000
