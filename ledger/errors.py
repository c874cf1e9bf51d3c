"""Everything that the ledger refuses or cannot do, split by what the caller does about it.

DeskbellError
├── BadInput             fix the input; nothing was accepted
│   └── KeyReused        the key belongs to another content
├── NotFound             no such id
├── Forbidden            the key may not do this
│   ├── GrantRefused     it would grant what it lacks
│   └── KeyLimit         a limit of the key is reached
├── NotAllowed           the state does not allow it
├── Changed              somebody changed it since it was read: read it again
├── NotPermitted         somebody else must do it, or approve it first
├── LedgerUnreachable    Redis cannot be reached: try again
├── LedgerUnwritable     Redis accepts no writes now, nothing was accepted: try again
│   └── LedgerFull       it has no room left, in memory or on disk
├── WrongVersion         the ledger is of another version of Deskbell: upgrade what is older
└── NotDurable           Redis did not confirm the fsync in time: try again with the same key

Each class says how it is reported: over HTTP as a problem (RFC 9457), and by the exit code of the command line.
"""

from http import HTTPStatus
from typing import Self

from ledger.phrases import Phrase, remedied

__all__ = [
    "URN",
    "BadInput",
    "Changed",
    "DeskbellError",
    "FeishuFailed",
    "Forbidden",
    "GrantRefused",
    "KeyLimit",
    "KeyReused",
    "LedgerFull",
    "LedgerUnreachable",
    "LedgerUnwritable",
    "NotAllowed",
    "NotDurable",
    "NotFound",
    "NotPermitted",
    "WrongVersion",
]

#: Before the `type` of every problem. It is a name, not an address.
URN = "urn:deskbell:problem:"


class DeskbellError(Exception):
    """The root: its text is one line for a person, without secrets and message bodies."""

    http_status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    #: Of the problem: the last part of its URN, and its title.
    type: str = "internal"
    title: Phrase = Phrase("Something went wrong")
    exit_code: int = 1
    #: Attributes that the problem has as members, for programs that do not read its sentence.
    members: tuple[str, ...] = ()
    #: What the error is built from: members of the problem, or the `key` or `id` that was asked about.
    arguments: tuple[str, ...] = ("detail",)

    def __init__(self, detail: Phrase) -> None:
        super().__init__(detail)
        self.detail = detail


class BadInput(DeskbellError):
    """The input cannot be accepted. `field` names the part to fix, `problem` says what was expected."""

    http_status = HTTPStatus.UNPROCESSABLE_ENTITY
    type = "bad-input"
    title = Phrase("The input cannot be accepted")
    exit_code = 2
    members: tuple[str, ...] = ("field",)
    arguments = ("field", "detail")

    def __init__(self, field: str, problem: Phrase) -> None:
        super().__init__(Phrase("{field}: {problem}", field=field, problem=problem))
        self.field = field
        self.problem = problem


class KeyReused(BadInput):
    """The same key was used before, for other content."""

    type = "key-reused"
    title = Phrase("The key was already used for other content")
    members = ("field", "first_id")
    arguments = ("key", "first_id")

    def __init__(self, key: str, first_id: str) -> None:
        super().__init__(
            "key", Phrase("{key} was already used for {id} with other content", key=repr(key), id=first_id)
        )
        self.first_id = first_id


class NotFound(DeskbellError):
    """No notification or announcement has this id (or its record has expired)."""

    http_status = HTTPStatus.NOT_FOUND
    type = "not-found"
    title = Phrase("Nothing has this id")
    exit_code = 5
    arguments = ("id",)

    def __init__(self, id: str) -> None:
        super().__init__(Phrase("no such id: {id}", id=id))
        self.id = id


class Forbidden(DeskbellError):
    """The key may not do this: it lacks the scope, or it is for other desks, or has less than it would grant."""

    http_status = HTTPStatus.FORBIDDEN
    type = "forbidden"
    title = Phrase("The key may not do this")


class GrantRefused(Forbidden):
    """The key lacks something that it would grant."""

    type = "grant-refused"
    title = Phrase("The key lacks what it would grant")


class KeyLimit(Forbidden):
    """A limit of the key is reached. Nothing was accepted."""

    type = "key-limit"
    title = Phrase("The key's limit is reached")


class NotAllowed(DeskbellError):
    """The state of the notification does not allow the verb."""

    http_status = HTTPStatus.CONFLICT
    type = "not-allowed"
    title = Phrase("The state does not allow it")
    exit_code = 2
    members = arguments = ("id", "verb", "state")

    def __init__(self, id: str, verb: str, state: str) -> None:
        super().__init__(Phrase("cannot {verb} {id}: it is {state}", verb=verb, id=id, state=state))
        self.id, self.verb, self.state = id, verb, state


class Changed(DeskbellError):
    """Somebody changed the draft since it was read. Nothing was done."""

    http_status = HTTPStatus.CONFLICT
    type = "changed"
    title = Phrase("It was changed since it was read")
    exit_code = 2
    members = arguments = ("id", "version")

    def __init__(self, id: str, version: int | str) -> None:
        super().__init__(
            Phrase("{id} was changed since it was read: it has version {version} now", id=id, version=version)
        )
        self.id, self.version = id, int(version)


class NotPermitted(DeskbellError):
    """The caller may not do it: it needs the approval of somebody else."""

    http_status = HTTPStatus.FORBIDDEN
    type = "not-permitted"
    title = Phrase("It needs the approval of somebody else")
    exit_code = 2


class FeishuFailed(DeskbellError):
    """Feishu refused a question that comes before the acceptance, or did not answer it. Nothing was accepted."""

    http_status = HTTPStatus.BAD_GATEWAY
    type = "feishu-failed"
    title = Phrase("Feishu did not answer a question")


class LedgerUnreachable(DeskbellError):
    """Redis did not answer. The text says where it is."""

    http_status = HTTPStatus.SERVICE_UNAVAILABLE
    type = "ledger-unreachable"
    title = Phrase("Redis is not reached")
    exit_code = 3


class LedgerUnwritable(DeskbellError):
    """Redis refuses every write for now: it is a replica, or has too few of them, or its disk fails."""

    http_status = HTTPStatus.SERVICE_UNAVAILABLE
    type = "ledger-unwritable"
    title = Phrase("Redis accepts no writes")


class LedgerFull(LedgerUnwritable):
    """Redis has no room for more. Nothing was accepted; what was accepted before is still sent."""

    type = "ledger-full"
    title = Phrase("Redis has no room left")


class NotDurable(DeskbellError):
    """The record is in Redis, but its fsync was not confirmed in time: repeat with the same key."""

    http_status = HTTPStatus.SERVICE_UNAVAILABLE
    type = "not-durable"
    title = Phrase("Redis did not confirm the fsync")


class WrongVersion(DeskbellError):
    """The ledger is not of our version. Nothing was read or written."""

    http_status = HTTPStatus.SERVICE_UNAVAILABLE
    type = "wrong-version"
    title = Phrase("The ledger has another version")

    @classmethod
    def of(cls, found: str, ours: int) -> Self:
        """`found` is the version as the ledger writes it: `2`, or `2 from 1` while it is migrated."""
        newer = int(found.split()[0]) > ours
        do = Phrase("upgrade this Deskbell") if newer else Phrase("an upgraded worker migrates it when it starts")
        return cls(
            remedied(
                Phrase(
                    "the ledger has version {found}, but this Deskbell needs version {ours}", found=found, ours=ours
                ),
                do,
            )
        )
