"""How hooks answer whose senders were written for another service: as that service would.

A refusal has its status of HTTP as well, which neither service gives for all of them: so senders that look at the
status alone notice it, too. Why something was refused stands in the hook log; Slack's answers are a word.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

import orjson
from fastapi import Response

from ledger.errors import BadInput, DeskbellError
from producers.hooks.signature import BadSignature
from producers.web.problems import Problem, problem_of

__all__ = ["AS_SERVICE", "BOT_SUCCESS", "ServiceAnswers", "bot_refusal"]

#: What senders of every generation look for: `code`, `msg`, or their older names.
BOT_SUCCESS = {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}
#: Feishu's codes, which its guide to custom bots explains.
_BAD_REQUEST, _BAD_TOKEN, _NO_TYPE, _BAD_SIGN, _TOO_OFTEN = 9499, 19001, 19002, 19021, 11232
_TOLD = {
    _BAD_REQUEST: "Bad Request",
    _BAD_TOKEN: "param invalid: incoming webhook access token invalid",
    _NO_TYPE: "params error, msg_type need",
    _BAD_SIGN: "sign match fail or timestamp is not within one hour from current time",
    _TOO_OFTEN: "frequency limited: send it again later",
}
_NOT_ADMITTED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
_LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class ServiceAnswers(NamedTuple):
    success: Callable[[], Response]
    refusal: Callable[[DeskbellError], Response]


def _bot_success() -> Response:
    return Response(orjson.dumps(BOT_SUCCESS), media_type="application/json")


def bot_refusal(error: DeskbellError) -> Response:
    problem = problem_of(error)
    code = _bot_code(error, problem)
    said = f"{_TOLD[code]}: {problem.field or ''} {problem.detail}" if code == _BAD_REQUEST else _TOLD[code]
    return Response(
        orjson.dumps({"code": code, "data": {}, "msg": said.replace(":  ", ": ")}),
        _bot_status(problem),
        headers=problem.headers,
        media_type="application/json",
    )


def _bot_code(error: DeskbellError, problem: Problem) -> int:
    if isinstance(error, BadSignature) or problem.type == BadSignature.type:
        return _BAD_SIGN
    if problem.http_status in _NOT_ADMITTED:
        return _BAD_TOKEN
    if problem.http_status in _LATER or problem.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _TOO_OFTEN
    return _NO_TYPE if problem.field == "msg_type" else _BAD_REQUEST


def _bot_status(problem: Problem) -> int:
    """Feishu has nothing that its senders would take for our 422."""
    unprocessable = problem.http_status == HTTPStatus.UNPROCESSABLE_ENTITY
    return HTTPStatus.BAD_REQUEST if unprocessable else problem.http_status


def _slack_success() -> Response:
    """Alertmanager and Grafana compare the bytes."""
    return Response(b"ok", media_type="text/plain")


def _slack_refusal(error: DeskbellError) -> Response:
    problem = problem_of(error)
    word, status = _slack_word(error, problem)
    headers = {name: value for name, value in problem.headers.items() if name != "WWW-Authenticate"}
    return Response(word.encode(), status, headers=headers, media_type="text/plain")


def _slack_word(error: DeskbellError, problem: Problem) -> tuple[str, int]:
    status = HTTPStatus(problem.http_status)
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return "invalid_token", HTTPStatus.FORBIDDEN
        case HTTPStatus.NOT_FOUND:
            return "no_service", status
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            is_empty = isinstance(error, BadInput) and error.field == "text"
            return "no_text" if is_empty else "invalid_payload", HTTPStatus.BAD_REQUEST
        case HTTPStatus.TOO_MANY_REQUESTS:
            return "rate_limited", status
    return ("rollup_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_payload"), status


#: By the `format` of a hook. The others answer in our own form.
AS_SERVICE = {
    "feishu-bot": ServiceAnswers(_bot_success, bot_refusal),
    "slack": ServiceAnswers(_slack_success, _slack_refusal),
}
