"""The problems of the HTTP API, turned back into the errors that they were on the server."""

from typing import Any

from ledger.errors import (
    BadInput,
    DeskbellError,
    KeyReused,
    LedgerFull,
    LedgerUnreachable,
    LedgerUnwritable,
    NotAllowed,
    NotDurable,
    NotFound,
)

__all__ = ["error_of"]

_TYPES = "urn:deskbell:problem:"
#: Those whose text is all that they have.
_PLAIN: dict[str, type[DeskbellError]] = {
    "ledger-unreachable": LedgerUnreachable,
    "ledger-full": LedgerFull,
    "ledger-unwritable": LedgerUnwritable,
    "not-durable": NotDurable,
}
#: The body, or a part of it, is too large: the input is what has to be mended.
_TOO_LARGE = 413
_UNAVAILABLE = (502, 503, 504)
#: Of what a server says that is none of ours.
_TOLD_CHARACTERS = 500


def error_of(status: int, problem: Any, *, url: str, key: str | None, id: str | None) -> DeskbellError:
    """`problem` is the JSON of the answer, None when it had none; `key` and `id` are those that the call was about."""
    match problem:
        case {"type": str(name), "detail": str(detail)} if name.startswith(_TYPES):
            return _error_of_ours(name.removeprefix(_TYPES), status, problem, detail, url=url, key=key, id=id)
    if status in _UNAVAILABLE:
        return LedgerUnreachable(f"{url} answered {status}: what stands before it does not reach it")
    return DeskbellError(f"{url} answered {status}, and it is no answer of Deskbell's: check the URL")


def _error_of_ours(
    name: str, status: int, problem: dict[str, Any], detail: str, *, url: str, key: str | None, id: str | None
) -> DeskbellError:
    detail = detail[:_TOLD_CHARACTERS]
    field = str(problem.get("field") or "request")
    match name, problem:
        case "key-reused", {"first_id": str(first_id)}:
            return KeyReused(key or "", first_id)
        case "nothing-accepted", {"results": [{"problem": {"status": int(of_first)} as first}, *_]}:
            return error_of(of_first, first, url=url, key=key, id=None)
        case "not-found", _ if id is not None:
            return NotFound(id)
        case "not-allowed", {"id": str(of), "verb": str(verb), "state": str(state)}:
            return NotAllowed(of, verb, state)
    if name in _PLAIN:
        return _PLAIN[name](detail)
    if status in (400, 415, 422, _TOO_LARGE):
        return BadInput(field, detail)
    return DeskbellError(f"{url} answered {status} ({problem.get('title')}): {detail}")
