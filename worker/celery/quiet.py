"""Switches off Celery warnings that do not apply here, and fill a page of the log each time."""

import warnings
from typing import Any

from celery import signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

__all__: list[str] = []


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
