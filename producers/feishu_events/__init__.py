"""What Feishu pushes to Deskbell: envelopes are opened, and events of tickets feed their index."""

__all__: list[str] = []
