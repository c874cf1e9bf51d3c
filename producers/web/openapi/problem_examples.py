"""An example of each problem, as a caller gets it."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import orjson

from ledger.errors import (
    BadInput,
    Changed,
    DeskbellError,
    FeishuFailed,
    GrantRefused,
    KeyLimit,
    KeyReused,
    LedgerFull,
    LedgerUnreachable,
    LedgerUnwritable,
    NotAllowed,
    NotDurable,
    NotFound,
    NotPermitted,
    WrongVersion,
)
from ledger.loading import RowsMissing
from ledger.phrases import said
from producers.announcements.again import StillSending
from producers.feishu_events.envelope import TooLarge
from producers.hooks.signature import BadSignature
from producers.web.openapi.parameters import ANNOUNCEMENT_ID, NOTIFICATION_ID
from producers.web.problems import Problem, problem_of

__all__ = ["PROBLEMS"]

_BAD = BadInput("receiver_id", said("must be 1 to 128 visible ASCII characters without spaces, such as ou_…"))
_NO_KEY = said(
    "no key is configured, so only this machine is served, under its own name: create one with `deskbell key create`"
)
_OURS: tuple[DeskbellError, ...] = (
    _BAD,
    KeyReused("alert-8812", NOTIFICATION_ID),
    NotFound(NOTIFICATION_ID),
    GrantRefused(said("ada cannot grant what it lacks: the scope admin")),
    KeyLimit(said("grafana may have 1,000 notifications accepted a day, and 1,000 were")),
    NotAllowed(NOTIFICATION_ID, "cancel", "delivered"),
    Changed(ANNOUNCEMENT_ID, 3),
    StillSending(said(f"{ANNOUNCEMENT_ID} is stopped, and some of its calls have not ended: repeat this")),
    NotPermitted(said(f"{ANNOUNCEMENT_ID} must be approved by somebody else")),
    FeishuFailed(said("Feishu did not answer in time")),
    LedgerUnreachable(said("Redis does not answer")),
    LedgerUnwritable(said("Redis is a replica, and accepts no writes")),
    LedgerFull(said("Redis has no room left: nothing was accepted")),
    NotDurable(said("Redis did not confirm in time that it is on disk: repeat it with the same key")),
    WrongVersion.of("9", 1),
    RowsMissing(said("the same announcement is being submitted twice: repeat it")),
    BadSignature(said("the signature does not fit the body")),
)
_REFUSED_QUESTION = FeishuFailed(said("the app lacks the permission contact:user.id:readonly"))
_REFUSED_QUESTION.http_status = HTTPStatus.FAILED_DEPENDENCY
_OF_HTTP = (
    Problem(400, said("The request is not clear"), said("it has two headers Content-Length")),
    Problem(400, said("The body is not the expected JSON"), said("the name receiver_id stands twice"), type="bad-json"),
    Problem(400, said("The body is not the expected form"), said("it ends within a part"), type="bad-form"),
    Problem(401, said("A key is needed"), said("send it as `Authorization: Bearer dbk_…`, or `X-Api-Key: dbk_…`")),
    Problem(403, said("The key is not for this desk"), said("grafana may not use desk hr")),
    Problem(
        403,
        said("The key lacks a scope"),
        said("this needs the scope operate, and grafana has send"),
        type="scope-missing",
    ),
    Problem(403, said("No key is configured"), _NO_KEY, type="no-key-configured"),
    Problem(405, said("Method Not Allowed"), said("Method Not Allowed")),
    Problem(408, said("The body came too slowly"), said("send it again")),
    Problem(413, said("The body is too large"), said("1,048,576 bytes are read at most"), type="body-too-large"),
    Problem(413, TooLarge.title, said("an event of Feishu's is smaller"), type=TooLarge.type),
    Problem(
        415, said("The type of the body is not supported"), said("send JSON, with `Content-Type: application/json`")
    ),
    Problem(429, said("The key calls too often"), said("grafana may call 600/minute")),
    Problem(
        429,
        said("Too many files of this key are waiting"),
        said("hand this one in when they are done"),
        type="too-many-files",
    ),
    Problem(503, said("The machine has no room"), said("repeat it with the same key")),
    Problem(
        503,
        said("The file cannot be read now"),
        said("the server cannot start the process that reads it"),
        type="no-reader",
    ),
    Problem(503, said("The disk has no room for the upload"), said("the disk of the server is full"), type="no-room"),
    Problem(503, said("Too many of your requests are waiting"), said("send fewer at once"), type="too-much-at-once"),
    Problem(
        503,
        said("The key has too many open requests"),
        said("grafana has 400 requests open in this process: end some, streams and exports first"),
        type="too-many-requests-under-way",
    ),
    Problem(500, DeskbellError.title, said("see the server's log"), type=DeskbellError.type),
)


def _refused_rows() -> Problem:
    problem = problem_of(BadInput('line 3, column "receiver_id"', _BAD.problem))
    errors = [{"line": 3, "column": "receiver_id", "problem": _BAD.problem}]
    problem.more |= {"errors": errors, "error_count": 1, "rows": 2}
    return problem


def _nothing_accepted() -> Problem:
    detail, results = said("each item has its own problem, in results"), [{"problem": problem_of(_BAD).as_json()}]
    return Problem(422, said("Nothing was accepted"), detail, type="nothing-accepted", results=results)


def _all() -> Iterator[tuple[str, Problem]]:
    """With their names in the document: that of the type, and more where there are two of one."""
    for problem in (*map(problem_of, _OURS), *_OF_HTTP, _nothing_accepted()):
        yield problem.type, problem
    yield "invalid-rows", _refused_rows()
    yield "feishu-refused", problem_of(_REFUSED_QUESTION)


#: By their names in the document.
PROBLEMS: dict[str, dict[str, Any]] = {
    name: orjson.loads(orjson.dumps(problem.as_json() | {"request_id": "5a3f0c6d19e2b784"}))  # in plain texts
    for name, problem in _all()
}
