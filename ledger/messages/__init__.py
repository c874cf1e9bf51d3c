"""What is sent: content, cards, posts, images, templates. Imports `ledger.errors` alone of ours."""

__all__: list[str] = []
