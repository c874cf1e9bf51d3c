"""The console's port to the hooks of the web process."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby, islice

from console.ports import HookFacts, Tried, TriedMessage
from ledger.errors import BadInput, NotFound
from ledger.phrases import Phrase
from producers.hooks.hook import Rendered
from producers.hooks.hook_request import HookRequest
from producers.web.context import WebContext
from producers.web.hook_intake import templates_of
from producers.web.problems import Problem

__all__ = ["WebHooks"]

#: Messages of one payload, and receivers of one message, that are shown.
_SHOWN, _RECEIVERS = 20, 20
_MOST_HEADERS = 50


class WebHooks:
    def __init__(self, context: WebContext) -> None:
        self._context = context

    def facts(self) -> Sequence[HookFacts]:
        hooks = self._context.hooks.values()
        return [HookFacts(hook.name, hook.use, hook.asks_for, f"/v1/hooks/{hook.name}") for hook in hooks]

    def try_payload(self, name: str, payload: str, headers: str, by: str) -> Tried:
        """In a turn of the asker, as posts are: it takes nothing from others."""
        hook = self._context.hooks.get(name)
        if hook is None:
            raise NotFound(name)
        body = payload.encode("utf-8", "replace")
        hook_request = HookRequest.of(_headers(headers), body)
        work = partial(hook.render, replace(hook_request, templates=templates_of(self._context, hook)))
        try:
            return _tried(self._context.parsing.take(by, work, len(body)).result())
        except Problem as problem:
            refusal = BadInput("payload", problem.detail)
        raise refusal


def _tried(rendered: Rendered) -> Tried:
    messages = [list(same) for _, same in groupby(rendered.notifications, key=lambda each: id(each.message))]
    shown = tuple(
        TriedMessage(
            tuple(each.address for each in islice(same, _RECEIVERS)), same[0].desk, same[0].key, same[0].message
        )
        for same in messages[:_SHOWN]
    )
    return Tried(shown, len(messages), rendered.skipped, rendered.reason)


def _headers(written: str) -> list[tuple[str, str]]:
    """Raises BadInput for a line that is not one."""
    lines = [line.partition(":") for line in written.splitlines() if line.strip()]
    if len(lines) > _MOST_HEADERS or not all(colon and name.strip() for name, colon, _ in lines):
        raise BadInput("headers", Phrase("must have one header on each line, such as X-GitHub-Event: push"))
    return [(name.strip(), value.strip()) for name, _, value in lines]
