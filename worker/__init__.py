"""What acts: the Celery application and its tasks, the pacer, delivery, the Feishu client. Imports `ledger`."""

from worker.celery.app import app

__all__ = ["app"]
