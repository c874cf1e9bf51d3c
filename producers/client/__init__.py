"""The Python client: `Notifier` and its two backends, the ledger and the HTTP API."""

__all__: list[str] = []
