"""Feishu's events: envelopes are opened, and ticket events update the index of open tickets."""

__all__: list[str] = []
