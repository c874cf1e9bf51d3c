"""Holds what the web process answers to its OpenAPI document."""

from functools import cache
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger.settings import Settings
from producers.web.app import create_app

__all__ = ["Answers", "Documented", "undocumented"]

#: Path of the route, method, status.
Answers = set[tuple[str, str, int]]


class Documented:
    """A middleware that remembers the status of each answer."""

    def __init__(self, app: ASGIApp, answers: Answers) -> None:
        self._app, self._answers = app, answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start" and (route := scope.get("route")):
                self._answers.add((route.path, scope["method"], message["status"]))
            await send(message)

        await self._app(scope, receive, noting)


def undocumented(answers: Answers) -> list[str]:
    """`GET /v1/… 409` for each answer whose status the document lacks for a route that it has."""
    paths = _paths()
    return [
        f"{method} {path} {status}"
        for path, method, status in sorted(answers)
        if (operation := paths.get(path, {}).get(method.lower())) and str(status) not in operation["responses"]
    ]


@cache
def _paths() -> dict[str, Any]:
    """Of the document, which is the same for all settings and takes seconds to make on a busy machine."""
    paths: dict[str, Any] = create_app(Settings(_env_file=None)).openapi()["paths"]
    return paths
