"""Deskbell's published figures, each with its command: `python -m benchmarks`."""

__all__: list[str] = []
