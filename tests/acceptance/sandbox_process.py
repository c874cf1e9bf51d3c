"""The sandbox as a process of its own, and its control API."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import requests

from tests import forking

__all__ = ["APP_ID", "APP_SECRET", "CREDENTIALS", "HELPDESK_ID", "HELPDESK_TOKEN", "MESSAGE_PATH", "SandboxProcess"]

APP_ID, APP_SECRET = "cli_acceptance", "s3cret-of-the-app-5e1f"
HELPDESK_ID, HELPDESK_TOKEN = "7000000000000000001", "ht-s3cret-of-the-desk-9c2d"
#: The same for a desk of `DESKBELL_DESKS`, as TOML.
CREDENTIALS = f"""
app_id = "{APP_ID}"
app_secret = "{APP_SECRET}"
helpdesk_id = "{HELPDESK_ID}"
helpdesk_token = "{HELPDESK_TOKEN}"
"""
MESSAGE_PATH = "/open-apis/helpdesk/v1/message"
#: Of one call of the control API, seconds.
ANSWER_SECONDS = 60


class SandboxProcess:
    """`python -m sandbox` on a free port; `options` are those of its command line."""

    def __init__(self, *options: str, log: Path) -> None:
        app, helpdesk = f"{APP_ID}:{APP_SECRET}", f"{HELPDESK_ID}:{HELPDESK_TOKEN}"
        command = [sys.executable, "-m", "sandbox", "--port", "0", "--app", app, "--helpdesk", helpdesk, *options]
        with log.open("ab") as errors:
            self._process = forking.Popen(
                command, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        if self._process.stdout is None:
            raise RuntimeError("the sandbox has no stdout")
        line = self._process.stdout.readline()
        if not line.startswith("sandbox listening on "):
            self.stop()
            raise RuntimeError(f"the sandbox did not start: {log.read_text()}")
        self.url = line.split()[-1]

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(ANSWER_SECONDS)
        if self._process.stdout:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- orders

    def fault(self, match: Mapping[str, Any], do: Mapping[str, Any], **rest: Any) -> None:
        """Orders a fault; `rest` is `times` and `per_receiver`."""
        self._order("POST", "faults", {"match": dict(match), "do": dict(do), **rest})

    def forget_faults(self) -> None:
        self._order("DELETE", "faults")

    def ticket(self, guest_id: str, status: int = 2) -> None:
        """Opens a ticket of the guest, or moves the open one to `status`; 52 closes it."""
        self._order("POST", "tickets", {"guest_id": guest_id, "status": status})

    # -- what it saw

    def calls(self, path: str = "") -> list[dict[str, Any]]:
        """The calls on record, oldest first, to paths that end so."""
        return [call for call in self._order("GET", "calls")["calls"] if call["path"].endswith(path)]

    def sends(self, receiver_id: str) -> list[dict[str, Any]]:
        """The message calls for one receiver."""
        return [call for call in self.calls(MESSAGE_PATH) if call["receiver_id"] == receiver_id]

    def messages(self) -> list[dict[str, Any]]:
        """What was delivered, oldest first."""
        return list(self._order("GET", "messages")["messages"])

    def deliveries(self) -> dict[str, int]:
        """How often each receiver got a message."""
        found: dict[str, int] = {}
        for message in self.messages():
            found[message["receiver_id"]] = found.get(message["receiver_id"], 0) + 1
        return found

    def ticket_questions(self, guest_id: str) -> int:
        """How often the ticket list was asked about this guest."""
        return sum(call["query"].get("guest_id") == [guest_id] for call in self.calls("/tickets"))

    def stats(self) -> dict[str, Any]:
        return self._order("GET", "stats")

    def _order(self, method: str, path: str, document: object = None) -> dict[str, Any]:
        answer = requests.request(method, f"{self.url}/sandbox/{path}", json=document, timeout=ANSWER_SECONDS)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
