"""The worker's log lines: a constant message, then the same fields everywhere. Celery's noise is switched off."""

import logging
import warnings
from typing import Any

from celery import signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

from ledger.outage_log import OutageLog
from worker.runtime import runtime

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
    own = runtime().settings
    # The broker's errors do not say of which server they are: the first filter takes them, which is that of our own.
    outages = [OutageLog.of(server) for server in sorted(own.servers, key=lambda server: server.redis != own.redis)]
    for handler in logger.handlers:
        handler.setFormatter(FieldsFormatter(_FORMAT))
        for outage in outages:
            handler.addFilter(outage)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


@signals.celeryd_init.connect
def _ignore_root_warning(**_: Any) -> None:
    """It is about pickled tasks, which let any client of the broker become root. Ours are JSON (`accept_content`)."""
    warnings.filterwarnings("ignore", message="You're running the worker with superuser", category=SecurityWarning)


# After Celery has set up its logging, which puts its own filters before all others.
@signals.celeryd_after_setup.connect
def _ignore_lost_connection_warning(**_: Any) -> None:
    """Tasks that run when the connection is lost go on: the ledger's leases decide, and a call may be out. Celery warns
    that its next major version cancels them where `worker_cancel_long_running_tasks_on_connection_loss` is not set; it
    is set (worker/celery/config.py), which the warning does not look at."""
    warnings.filterwarnings("ignore", message=r"\s*In Celery 5\.1 we introduced", category=CPendingDeprecationWarning)
