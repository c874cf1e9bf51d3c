"""One outgoing HTTP request: its deadline, what has left the machine, reading the answer, and where it may go."""

__all__: list[str] = []
