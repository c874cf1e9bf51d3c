"""One HTTP request out: its deadline, what left the machine, the plain reader, and the guard on where it may go."""

__all__: list[str] = []
