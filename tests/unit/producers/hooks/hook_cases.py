"""Hooks for tests: a file that is written and loaded, and payloads with the fields that the tools document."""

import json
from pathlib import Path
from typing import Any

from ledger.settings import Settings
from producers.hooks.hook import Hook
from producers.hooks.hook_file import load_hooks
from producers.hooks.hook_request import HookRequest

__all__ = ["a_hook", "hooks_of", "incoming", "payload", "text_of", "with_headers"]

PAYLOADS = Path(__file__).parent / "data"


def hooks_of(folder: Path, toml: str, **environment: str) -> dict[str, Hook]:
    file = folder / "hooks.toml"
    file.write_text(toml, "utf-8")
    return load_hooks(Settings(hooks=file, _env_file=None), environment)


def a_hook(folder: Path, *lines: str) -> Hook:
    """The only hook of a file with these lines, called `it`; it goes to `ou_ada` unless they say otherwise."""
    to = [] if any(line.startswith("to ") for line in lines) else ['to = "ou_ada"']
    return hooks_of(folder, "\n".join(["[hook.it]", *to, *lines]))["it"]


def payload(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))
    return found


def incoming(body: object, **headers: str) -> HookRequest:
    """`x_github_event="push"` stands for the header `x-github-event`."""
    return with_headers(body, {name.replace("_", "-"): value for name, value in headers.items()})


def with_headers(body: object, headers: dict[str, str]) -> HookRequest:
    return HookRequest.of(headers.items(), body if isinstance(body, bytes) else json.dumps(body).encode())


def text_of(hook: Hook, posted: HookRequest) -> str:
    """The text of the only message that it makes."""
    [notification] = hook.render(posted).notifications
    text = notification.message.content["text"]
    assert isinstance(text, str)
    return text
