"""`python -m feishu.checkup [--desk D]`: asks Feishu, desk by desk, which of the four credentials it accepts.

Prints one JSON object, `{"desks": [{desk, feishu_url, missing, credentials, answers}]}`. `credentials` says of each:

accepted   Feishu took it
refused    Feishu says that this one is wrong
suspect    Feishu refused it together with another one, and does not say which is wrong
unknown    nothing is known: it is missing, Feishu was not reached, or something else is the matter

`answers` are those of Feishu in the order of the calls: the token, then the ticket list. No secret is printed. The exit
code is 0 whatever Feishu says, and 2 for wrong settings.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from feishu.client import FeishuClient
from feishu.codes import CodeTable
from feishu.errors import AskFailed
from feishu.token import Token
from feishu.verdict import Verdict
from ledger.errors import BadInput
from ledger.settings import Desk, Settings

__all__ = ["Checkup", "check_desk", "main"]

CREDENTIALS = ("app_id", "app_secret", "helpdesk_id", "helpdesk_token")
_APP, _HELPDESK = CREDENTIALS[:2], CREDENTIALS[2:]
#: What a code says about the credentials that the call used. FEISHU.md, "Token error codes" and the helpdesk codes.
_TOKEN_CODES: dict[int, dict[str, str]] = {
    10003: dict.fromkeys(_APP, "suspect"),
    10014: {"app_id": "refused"},
    10015: {"app_id": "accepted", "app_secret": "refused"},
    99991543: dict.fromkeys(_APP, "suspect"),
}
_TICKETS_CODES: dict[int, dict[str, str]] = {
    # Feishu's hint: both headers must be right, and of one tenant.
    154001: dict.fromkeys(_HELPDESK, "suspect"),
}


class NoStore:
    """A token store that forgets, so that the credentials themselves are tried and Redis is not needed."""

    def get(self, desk: Desk) -> Token | None:  # noqa: ARG002  the protocol's signature
        return None

    def put(self, desk: Desk, token: Token) -> None:
        """Forgotten at once; the client has a copy for its next call."""

    def drop(self, desk: Desk, value: str) -> None:
        """There is nothing to forget."""

    @contextmanager
    def turn(self, desk: Desk) -> Iterator[None]:  # noqa: ARG002  the protocol's signature
        yield


@dataclass
class Checkup:
    """What came out for one desk."""

    desk: Desk
    credentials: dict[str, str] = field(default_factory=lambda: dict.fromkeys(CREDENTIALS, "unknown"))
    answers: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "desk": self.desk.name,
            "feishu_url": self.desk.feishu_url,
            "missing": list(self.desk.missing),
            "credentials": self.credentials,
            "answers": self.answers,
        }

    def note_answer(self, verdict: Verdict, about: dict[int, dict[str, str]]) -> None:
        """Keeps what Feishu answered, and what its code says about the credentials."""
        names = ("call", "code", "http_status", "msg", "log_id", "ended", "means", "do")
        self.answers.append({name: getattr(verdict, name) for name in names})
        if verdict.code is not None:
            self.credentials.update(about.get(verdict.code, {}))


def check_desk(desk: Desk, client: FeishuClient) -> Checkup:
    """Asks for a token, and with it for the open tickets. Both are harmless, and take nothing of the quota of sends."""
    checkup = Checkup(desk)
    if desk.missing:
        return checkup
    failure = client.ready()
    if failure:
        checkup.note_answer(failure, _TOKEN_CODES)
        return checkup
    checkup.credentials.update(dict.fromkeys(_APP, "accepted"))
    checkup.answers.append({"call": "token", "code": 0})
    try:
        client.open_tickets()
    except AskFailed as error:
        checkup.note_answer(error.verdict, _TICKETS_CODES)
        return checkup
    checkup.credentials.update(dict.fromkeys(_HELPDESK, "accepted"))
    checkup.answers.append({"call": "tickets", "code": 0})
    return checkup


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the checkups and gives the exit code."""
    parser = argparse.ArgumentParser(prog="feishu.checkup", description="Ask Feishu which credentials it accepts.")
    parser.add_argument("--desk", metavar="D", help="only this desk (default: all)")
    given = parser.parse_args(arguments)
    try:
        settings = Settings.from_env()
        desks = [settings.desk(given.desk)] if given.desk else list(settings.all_desks.values())
        codes = CodeTable.load(settings.error_codes)
    except BadInput as error:
        sys.stderr.write(f"feishu.checkup: {error}\n")
        return 2
    checkups = [check_desk(desk, _client(desk, settings, codes)) for desk in desks]
    sys.stdout.write(json.dumps({"desks": [checkup.as_json() for checkup in checkups]}) + "\n")
    return 0


def _client(desk: Desk, settings: Settings, codes: CodeTable) -> FeishuClient:
    connect_seconds, answer_seconds = settings.timeout
    return FeishuClient(desk, NoStore(), connect_seconds=connect_seconds, answer_seconds=answer_seconds, codes=codes)


if __name__ == "__main__":
    sys.exit(main())
