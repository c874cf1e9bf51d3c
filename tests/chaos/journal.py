"""What a producer was told, in a file of its own: one JSON object a line, on disk before the producer goes on."""

import json
import os
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

    @property
    def is_asking(self) -> bool:
        """Whether the last thing that its producer did was to ask."""
        lines = self._lines()
        return bool(lines) and "asking" in lines[-1]

    def _lines(self) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]
