"""What asks: the Python client, announcements, hooks, the command line and the HTTP API."""

__all__: list[str] = []
