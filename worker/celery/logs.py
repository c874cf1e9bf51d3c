"""The format of the worker's log lines: a constant message, then the same fields everywhere."""

import logging
from typing import Any

from celery import signals

__all__ = ["FieldsFormatter"]

#: The keys of `extra` that lines carry. Never a message body, never a secret.
FIELDS = ("desk", "id")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: Celery's own lines for each message: two a notification, and the ledger knows more.
_CHATTY = ("celery.worker.strategy", "celery.app.trace")


class FieldsFormatter(logging.Formatter):
    """Appends `key=value` for each known field of `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={getattr(record, name)}" for name in FIELDS if hasattr(record, name))
        return super().format(record) + fields


@signals.after_setup_logger.connect
def _format_lines(logger: logging.Logger, **_: Any) -> None:
    for handler in logger.handlers:
        handler.setFormatter(FieldsFormatter(_FORMAT))
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
