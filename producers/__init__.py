"""What asks: the Python client, announcements, hooks, the command line and the HTTP API."""

from producers.public import __getattr__ as __getattr__

__all__: list[str] = []
