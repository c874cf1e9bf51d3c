"""Everything that the ledger refuses or cannot do, split by what the caller does about it.

DeskbellError
├── BadInput             mend the input; nothing was accepted      (exit 2, HTTP 422)
│   └── KeyReused        the key belongs to another content
├── NotFound             no such id                                (exit 5, HTTP 404)
├── NotAllowed           the state does not allow it               (exit 1, HTTP 409)
├── LedgerUnreachable    Redis cannot be reached: try again        (exit 3, HTTP 503)
├── LedgerUnwritable     Redis takes no writes now, nothing was accepted: try again (exit 1, HTTP 503)
│   └── LedgerFull       it has no room left, in memory or on disk
├── WrongVersion         the ledger is of another version of Deskbell: upgrade what is older (exit 1, HTTP 503)
└── NotDurable           Redis did not confirm the fsync in time: try again with the same key (exit 1, HTTP 503)
"""

__all__ = [
    "BadInput",
    "DeskbellError",
    "KeyReused",
    "LedgerFull",
    "LedgerUnreachable",
    "LedgerUnwritable",
    "NotAllowed",
    "NotDurable",
    "NotFound",
    "WrongVersion",
]


class DeskbellError(Exception):
    """The root: its text is one line for a person, without secrets and message bodies."""


class BadInput(DeskbellError):
    """The input cannot be accepted. `field` names the part to mend, `problem` says what was expected."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class KeyReused(BadInput):
    """The same key was used before, for other content."""

    def __init__(self, key: str, first_id: str) -> None:
        super().__init__("key", f"{key!r} was already used for {first_id} with another content")
        self.first_id = first_id


class NotFound(DeskbellError):
    """No notification or announcement has this id (or its record has expired)."""

    def __init__(self, id: str) -> None:
        super().__init__(f"no such id: {id}")
        self.id = id


class NotAllowed(DeskbellError):
    """The state of the notification does not allow the verb."""

    def __init__(self, id: str, verb: str, state: str) -> None:
        super().__init__(f"cannot {verb} {id}: it is {state}")
        self.id, self.verb, self.state = id, verb, state


class LedgerUnreachable(DeskbellError):
    """Redis did not answer. The text says where it is."""


class LedgerUnwritable(DeskbellError):
    """Redis refuses every write for now: it is a replica, or has too few of them, or its disk fails."""


class LedgerFull(LedgerUnwritable):
    """Redis has no room for more. Nothing was accepted; what was accepted before is still sent."""


class NotDurable(DeskbellError):
    """The record is in Redis, but its fsync was not confirmed in time: repeat with the same key."""


class WrongVersion(DeskbellError):
    """The ledger is not of our version; `found` is what it says of itself. Nothing was read or written."""

    def __init__(self, found: str, ours: int) -> None:
        newer = int(found.split()[0]) > ours
        do = "upgrade this Deskbell" if newer else "it is brought up to date when an upgraded worker starts"
        super().__init__(f"the ledger is of version {found}, and this is Deskbell for version {ours}: {do}")
        self.found = found
