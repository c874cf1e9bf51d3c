"""The Feishu API: what Deskbell calls, and what the answers mean."""

__all__: list[str] = []
