"""The exit codes of the command line. Which error ends with which is said by the errors themselves."""

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """Part of the outside contract: scripts rely on them."""

    DONE = 0
    OTHER = 1
    BAD_INPUT = 2  #: bad usage too
    UNREACHABLE = 3  #: Redis was not reached
    NOT_DELIVERED = 4  #: of `send --wait`
    NO_SUCH_ID = 5
    INTERRUPTED = 130  #: ctrl-C; the number that shells give it
