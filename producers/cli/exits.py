"""The exit codes of the command line, and which error ends with which."""

from enum import IntEnum

from ledger.errors import BadInput, DeskbellError, LedgerUnreachable, NotFound

__all__ = ["ExitCode", "exit_code_of"]


class ExitCode(IntEnum):
    """Part of the outside contract: scripts rely on them."""

    DONE = 0
    OTHER = 1
    BAD_INPUT = 2  #: bad usage too
    UNREACHABLE = 3  #: Redis was not reached
    NOT_DELIVERED = 4  #: of `send --wait`
    NO_SUCH_ID = 5
    INTERRUPTED = 130  #: ctrl-C; the number that shells give it


_CODES: tuple[tuple[type[DeskbellError], ExitCode], ...] = (
    (BadInput, ExitCode.BAD_INPUT),
    (LedgerUnreachable, ExitCode.UNREACHABLE),
    (NotFound, ExitCode.NO_SUCH_ID),
)


def exit_code_of(error: DeskbellError) -> ExitCode:
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.OTHER)
