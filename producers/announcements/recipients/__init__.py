"""Recipient files: CSV, JSONL or XLSX, read as a stream, never loaded whole."""

from producers.announcements.recipients.reading_options import ReadingOptions
from producers.announcements.recipients.recipients import Recipients
from producers.announcements.recipients.row import Row, place

__all__ = ["ReadingOptions", "Recipients", "Row", "place"]
