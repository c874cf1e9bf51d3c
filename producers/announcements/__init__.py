"""Announcements: from recipients and options to checked rows, a preview, and an accepted announcement."""

__all__: list[str] = []
