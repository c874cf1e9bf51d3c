"""Hooks: notifications from other systems' requests."""

__all__: list[str] = []
