"""`python -P -m producers.hooks.rendering`: the process that reads a large body and renders it, see `large_body.py`.

stdin has a line of JSON (the recipe of the hook, the headers, the id of the message, the limits), and then the body.
stdout gets one JSON object: what was rendered, or why it was refused.
"""

import json
import os
import resource
import signal
import sys
from typing import Any

import orjson

from ledger.errors import BadInput
from ledger.phrases import phrase_json, said
from ledger.saved_template import SavedTemplate
from producers.hooks.hook import Hook
from producers.hooks.hook_request import HookRequest
from producers.hooks.recipe import Recipe

__all__ = ["main"]

#: Small bodies come first: a large one must not slow down whoever is served beside it.
_NICENESS = 5


def main() -> None:
    asked = json.loads(sys.stdin.buffer.readline())
    _bound(asked["memory_bytes"], asked["cpu_seconds"])
    try:
        answer = _answer(asked)
    except BadInput as error:
        answer = {"refused": [error.field, error.problem]}
    except MemoryError:
        answer = {"memory": True}
    sys.stdout.buffer.write(orjson.dumps(answer, default=phrase_json, option=orjson.OPT_PASSTHROUGH_SUBCLASS))


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    # The parent has checked the desk when it compiled the same recipe.
    hook = Hook(Recipe.of_json(asked["recipe"]), None, lambda _: None)
    templates = {(desk, written): _template(told) for desk, written, told in asked["templates"]}
    request = HookRequest(asked["headers"], sys.stdin.buffer.read(), templates)
    return hook.render(request, asked["message_id"]).as_json()


def _template(told: dict[str, Any] | str) -> SavedTemplate | BadInput:
    return BadInput("template", said(told)) if isinstance(told, str) else SavedTemplate.of_process(told)


def _bound(memory_bytes: int, cpu_seconds: int) -> None:
    os.nice(_NICENESS)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)  # whoever started the server may have it ignored
    _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_CORE, 0)
    if sys.platform == "linux":  # macOS does not keep to it
        _limit(resource.RLIMIT_AS, memory_bytes)


def _limit(what: int, most: int) -> None:
    """Lower where the machine says so. The hard limit stays, so that SIGXCPU comes before SIGKILL."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main()
