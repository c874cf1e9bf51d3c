"""The worker: the Celery application and its tasks, the pacer, and delivery."""

from worker.celery.app import app

__all__ = ["app"]
