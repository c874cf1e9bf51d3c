"""What tames Celery and kombu: the application, its configuration, its queues, and the filter before them."""

__all__: list[str] = []
