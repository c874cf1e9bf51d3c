"""What a producer was told, in a file of its own: one JSON object a line, on disk before the producer goes on."""

import json
import os
import time
from pathlib import Path
from typing import Any

__all__ = ["Journal"]


class Journal:
    """`asking` lines are written before a call of the ledger, `accepted` lines after its answer."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def asking(self, *keys: str) -> None:
        self._append([{"asking": key} for key in keys])

    def accepted(self, ids: dict[str, str]) -> None:
        """`ids` by key."""
        self._append([{"accepted": key, "id": id} for key, id in ids.items()])

    def kept(self, key: str, id: str) -> None:
        """The draft of a key."""
        self._append([{"kept": key, "id": id}])

    def starting(self, key: str, id: str) -> None:
        self._append([{"asking": key, "starting": id, "at": time.time()}])

    def _append(self, lines: list[dict[str, Any]]) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def answers(self) -> dict[str, set[str]]:
        """The ids that were told for each key. More than one means that something was accepted twice."""
        told: dict[str, set[str]] = {}
        for line in self._lines():
            if "accepted" in line:
                told.setdefault(line["accepted"], set()).add(line["id"])
        return told

    def draft(self, key: str) -> str | None:
        """Its id, if it was kept."""
        return next((line["id"] for line in self._lines() if line.get("kept") == key), None)

    def starts(self) -> dict[str, float]:
        """When each draft was first asked to start, unix seconds."""
        return {line["starting"]: line["at"] for line in reversed(self._lines()) if "starting" in line}

    @property
    def is_asking(self) -> bool:
        """Whether the last thing that its producer did was to ask."""
        lines = self._lines()
        return bool(lines) and "asking" in lines[-1]

    def _lines(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]
