"""The console: web pages over the ledger, mounted beside the HTTP API; and the languages of all that people read."""

__all__: list[str] = []
