"""The figures that Deskbell publishes, each beside the command that makes it: `python -m benchmarks`."""

__all__: list[str] = []
