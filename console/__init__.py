"""What shows: the web pages over the ledger, mounted beside the HTTP API. Imports the ledger alone."""

from console.app import application

__all__ = ["application"]
