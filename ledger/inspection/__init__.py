"""Whether the ledger is whole: its invariants, and the walk that looks at all of them while everybody works on."""

__all__: list[str] = []
