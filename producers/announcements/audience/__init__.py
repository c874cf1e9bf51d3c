"""Audiences: departments, user groups and everyone, less exclusions, walked through and fixed as rows."""

__all__: list[str] = []
