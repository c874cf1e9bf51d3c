"""The console: web pages over the ledger, mounted beside the HTTP API."""

from console.app import application

__all__ = ["application"]
