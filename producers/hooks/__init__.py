"""Hooks: what other systems post, as notifications."""

__all__: list[str] = []
