"""The web process in a thread of the test, on a free port and a real Valkey."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from ledger.api_key import Scope
from ledger.settings import Settings
from producers.web.app import create_app
from producers.web.context import WebContext
from producers.web.listening import listen, url_of
from producers.web.server import server_of
from tests.integration.producers.web.documented import Answers, Documented, undocumented

__all__ = ["WebThread", "with_files"]

START_SECONDS = 60


def with_files(settings: Settings, folder: Path, **files: str) -> Settings:
    """Names a new TOML file in the folder for each of `files`: `hooks="[hook.chat] …"`, `desks="[desk.hr]"`."""
    paths = {name: folder / f"{name}.toml" for name in files}
    for name, path in paths.items():
        path.write_text(files[name], "utf-8")
    return settings.model_copy(update=paths)


class WebThread:
    """Serves while it is entered. Its methods send requests to it.

    Fails at the end if it answered with a status that the OpenAPI document does not have for its route.
    """

    def __init__(self, settings: Settings) -> None:
        self._app = create_app(settings)
        self.context: WebContext = self._app.state.context
        self._ready = threading.Event()
        self._answers: Answers = set()
        self._app.add_middleware(Documented, answers=self._answers)
        self._server = server_of(self._app, self._ready.set)
        self._listening = listen("127.0.0.1", 0)
        self.port: int = self._listening.getsockname()[1]
        self.url = url_of("127.0.0.1", self.port)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening]})

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise RuntimeError("the server did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(START_SECONDS)
        self._listening.close()
        if kind is None and (missing := undocumented(self._answers)):
            raise AssertionError(f"answers that the OpenAPI document lacks: {', '.join(missing)}")

    @property
    def connections(self) -> int:
        """That are open now."""
        return len(self._server.server_state.connections)

    def secret(self, *scopes: Scope, name: str = "", **how: Any) -> str:
        """Of a new key with these scopes, or with all: `k0`, then `k1` …, unless it is named."""
        name, desks, rate = name or f"k{len(self.context.keys.list())}", how.get("desks"), how.get("rate")
        return self.context.keys.create(name, frozenset(scopes or Scope), desks, rate, by="test")[1]

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=120, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        """`body` is sent as JSON, unless it is bytes."""
        if isinstance(body, bytes):
            return requests.post(self.url + path, data=body, timeout=120, **options)
        return requests.post(self.url + path, json=body, timeout=120, **options)
