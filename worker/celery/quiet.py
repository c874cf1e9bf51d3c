"""Warnings of Celery's that say nothing here, and fill a page of the log each time."""

import warnings
from typing import Any

from celery import signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

__all__: list[str] = []


@signals.celeryd_init.connect
def _leave_out_the_one_about_root(**_: Any) -> None:
    """It is about tasks in pickle, with which whoever reaches the broker is root. Ours are JSON (`accept_content`)."""
    warnings.filterwarnings("ignore", message="You're running the worker with superuser", category=SecurityWarning)


# After Celery has set up its logging, since that puts filters of its own in front of all others.
@signals.celeryd_after_setup.connect
def _leave_out_the_one_about_lost_connections(**_: Any) -> None:
    """Tasks that run when the connection is lost go on: the ledger's leases decide, and a call may be out. Celery warns
    that its next major version cancels them where `worker_cancel_long_running_tasks_on_connection_loss` is not set; it
    is set (worker/celery/config.py), which the warning does not look at."""
    warnings.filterwarnings("ignore", message=r"\s*In Celery 5\.1 we introduced", category=CPendingDeprecationWarning)
