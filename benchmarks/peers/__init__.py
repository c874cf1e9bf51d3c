"""What a user would pick instead, each in an environment of its own, doing the same work as Deskbell."""

__all__: list[str] = []
