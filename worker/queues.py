"""The Celery queues and tasks by name: part of the outside contract, since other applications send to them."""

from dataclasses import dataclass

__all__ = ["DELIVER", "SEND", "Queues"]

#: Tasks. Their messages carry ids (deliver) or the fields of the HTTP API (send).
DELIVER = "deskbell.deliver"
SEND = "deskbell.send"


@dataclass(frozen=True, slots=True)
class Queues:
    """Names of the queues, which are Redis lists: they start with the prefix like every key."""

    prefix: str

    @property
    def deliver(self) -> str:
        """From the pacer to the workers; almost empty at all times."""
        return f"{self.prefix}.deliver"

    @property
    def intake(self) -> str:
        """From other Celery applications."""
        return f"{self.prefix}.intake"
