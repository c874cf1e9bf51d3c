"""Numbers as Excel shows them: what a format code makes of the value in a cell."""

from producers.announcements.recipients.number_formats.format_code import BUILT_IN, NotUnderstood
from producers.announcements.recipients.number_formats.number_format import (
    NotShown,
    NumberFormat,
    hidden,
    not_understood,
)

__all__ = ["BUILT_IN", "NotShown", "NotUnderstood", "NumberFormat", "hidden", "not_understood"]
