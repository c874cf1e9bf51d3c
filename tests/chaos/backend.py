"""The ways in: straight into the ledger, or over HTTP as any other program comes."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, Self

import redis
import requests

from ledger.errors import FeishuFailed, LedgerUnreachable, NotDurable
from ledger.joining import SPANS
from ledger.ledger import Ledger
from producers.cli.output import ExitCode
from producers.client import http_backend as announcing_over_http
from producers.client import ledger_backend as announcing
from tests.chaos.traffic import Announced, Asked

__all__ = [
    "API_KEY",
    "COMMAND_SECONDS",
    "DESKBELL",
    "AudienceBackend",
    "Backend",
    "CommandBackend",
    "HttpBackend",
    "LedgerBackend",
    "NotNow",
]

DESKBELL = Path(sys.executable).with_name("deskbell")
#: Of the producers that come over HTTP: where announcements need an approval, none is taken without a key.
API_KEY = "k" * 32
#: For one command, seconds: it waits for Redis itself, and two cores may be busy.
COMMAND_SECONDS = 120
#: For an answer of the web process, seconds: it waits up to 5 s for the disk itself.
_ANSWER_SECONDS = 15


class NotNow(Exception):
    """Nobody can say whether anything was accepted: ask again, with the same keys."""


class Backend(Protocol):
    def accept(self, batch: Sequence[Asked]) -> dict[str, str]:
        """The ids by key. Raises NotNow."""


class LedgerBackend:
    """As the Python client and the command line use it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def accept(self, batch: Sequence[Asked]) -> dict[str, str]:
        try:
            accepted = self._ledger.accept([asked.notification() for asked in batch])
        except (redis.ConnectionError, redis.TimeoutError, NotDurable) as error:
            raise NotNow from error
        return {asked.marker: told.id for asked, told in zip(batch, accepted, strict=True)}


class CommandBackend:
    """`deskbell send`, of one notification alone."""

    def accept(self, batch: Sequence[Asked]) -> dict[str, str]:
        [asked] = batch
        fields = asked.fields()
        command = [
            *(
                DESKBELL,
                "send",
                "--to",
                *asked.address.values(),
                "--text",
                fields["text"],
                "--key",
                asked.marker,
                "--json",
            ),
            *("--on-unknown", fields["on_unknown"], "--on-open-ticket", fields["on_open_ticket"]),
            *(part for name in SPANS if name in fields for part in (f"--{name}", fields[name])),
        ]
        done = subprocess.run(command, capture_output=True, timeout=COMMAND_SECONDS, check=False)
        if done.returncode == ExitCode.BAD_INPUT:
            raise RuntimeError(done.stderr.decode())
        if done.returncode != ExitCode.DONE:
            raise NotNow
        return {asked.marker: json.loads(done.stdout)["id"]}


class HttpBackend:
    """`POST /v1/notifications`: one alone has its key in a header, several have theirs in the items."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/v1/notifications"

    def accept(self, batch: Sequence[Asked]) -> dict[str, str]:
        if len(batch) == 1:
            told = [self._post(batch[0].fields(), {"Idempotency-Key": batch[0].marker})]
        else:
            told = self._post({"notifications": [{**asked.fields(), "key": asked.marker} for asked in batch]}, {})[
                "results"
            ]
        return {asked.marker: each["id"] for asked, each in zip(batch, told, strict=True)}

    def _post(self, body: dict[str, Any], headers: dict[str, str]) -> Any:
        """The answer 202. Any other but 503 ends the producer, which the run reports: nothing here can be refused."""
        try:
            answer = requests.post(
                self._url, json=body, headers=headers | {"Authorization": f"Bearer {API_KEY}"}, timeout=_ANSWER_SECONDS
            )
            if answer.status_code != requests.codes.accepted:
                answer.raise_for_status()
                raise RuntimeError(f"{answer.status_code} instead of 202")
            return answer.json()
        except requests.HTTPError as error:
            if error.response.status_code != requests.codes.service_unavailable:
                raise RuntimeError(error.response.text) from error
            raise NotNow from error
        except requests.RequestException as error:  # refused, cut, or broken off in the middle
            raise NotNow from error


class AudienceBackend:
    """`Notifier.announce`, straight into the ledger or over HTTP: contacts are walked before anything is accepted."""

    def __init__(self, backend: announcing.LedgerBackend | announcing_over_http.HttpBackend) -> None:
        self._backend = backend

    @classmethod
    def of_ledger(cls, ledger: Ledger) -> Self:
        return cls(announcing.LedgerBackend(ledger))

    @classmethod
    def over_http(cls, url: str) -> Self:
        return cls(announcing_over_http.HttpBackend(url, API_KEY))

    def announce(self, announced: Announced) -> str:
        """Its id. Raises NotNow."""
        try:
            return self._backend.announce(None, draft=False, **announced.arguments()).id
        except (redis.ConnectionError, redis.TimeoutError, NotDurable, LedgerUnreachable, FeishuFailed) as error:
            raise NotNow from error
