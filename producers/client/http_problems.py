"""The HTTP API's problems, turned back into the server's errors."""

from http import HTTPStatus
from typing import Any

from ledger import errors
from ledger.errors import URN, BadInput, DeskbellError, Forbidden, LedgerUnreachable
from ledger.phrases import Phrase, said

__all__ = ["Unauthorized", "error_of"]


class Unauthorized(DeskbellError):
    """The HTTP API was given no key, or one that it does not know."""

    http_status = HTTPStatus.UNAUTHORIZED


#: By the last part of their URN. Without the root, which the server cannot tell apart from its own bugs, and what every
#: other 403 is.
_KINDS: dict[str, type[DeskbellError]] = {
    kind.type: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DeskbellError)
}
del _KINDS[DeskbellError.type], _KINDS[Forbidden.type]
#: The key was refused, in whatever words.
_KEY_REFUSED: dict[int, type[DeskbellError]] = {kind.http_status: kind for kind in (Unauthorized, Forbidden)}
#: Of other problems: the input is what has to be fixed. 413: the body, or a part of it, is too large.
_WRONG_INPUT = (400, 413, 415, 422)
_UNAVAILABLE = (502, 503, 504)
#: Of the text of a server that is not Deskbell.
_TOLD_CHARACTERS = 500


def error_of(status: int, problem: Any, *, url: str, key: str | None, id: str | None) -> DeskbellError:
    """`problem` is the JSON of the answer, None when it had none; `key` and `id` are those that the call was about."""
    match problem:
        case {"type": str(urn), "detail": str(detail)} if urn.startswith(URN):
            members = {"key": key or "", **({"id": id} if id is not None else {}), **problem}
            members |= {"field": problem.get("field") or "request", "detail": detail[:_TOLD_CHARACTERS]}
            return _error_of_ours(urn.removeprefix(URN), status, members, url)
    if status in _UNAVAILABLE:
        return LedgerUnreachable(
            Phrase("{url} answered {status}: the proxy in front of it cannot reach it", url=url, status=status)
        )
    return DeskbellError(
        Phrase("{url} answered {status}, but not as Deskbell does: check the URL", url=url, status=status)
    )


def _error_of_ours(name: str, status: int, members: dict[str, Any], url: str) -> DeskbellError:
    match name, members:
        case "nothing-accepted", {"results": [{"problem": {"status": int(of_first)} as first}, *_]}:
            return error_of(of_first, first, url=url, key=members["key"], id=None)
    told = Phrase(
        "{url} answered {status} ({title}): {detail}",
        url=url,
        status=status,
        title=str(members.get("title")),
        detail=members["detail"],
    )
    for kind in (_KINDS.get(name), BadInput if status in _WRONG_INPUT else None):
        if kind and members.keys() >= {*kind.arguments}:
            return kind(*(_argument(argument, members[argument]) for argument in kind.arguments))
    return _KEY_REFUSED.get(status, DeskbellError)(told)


def _argument(name: str, value: Any) -> Any:
    return said(value) if name == "detail" else str(value)
