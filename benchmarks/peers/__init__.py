"""Alternatives to Deskbell, each in its own environment, doing the same work."""

__all__: list[str] = []
