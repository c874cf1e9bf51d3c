"""The HTTP side of Deskbell: `deskbell web`."""

__all__: list[str] = []
