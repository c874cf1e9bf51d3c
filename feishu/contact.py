"""What Feishu is asked about people, and what comes of it."""

from typing import NamedTuple

from ledger.phrases import Phrase

__all__ = ["CONTACTS_PER_CALL", "Resolved", "Unresolved"]

#: The most addresses, and the most numbers, that Feishu takes in one call of batch_get_id.
CONTACTS_PER_CALL = 50


class Unresolved(NamedTuple):
    """A contact that leads to nobody: why, for a person to read; and Feishu's code if it refused the contact itself."""

    problem: Phrase
    code: int | None = None


#: The open_id of a contact's person, or why there is none.
Resolved = str | Unresolved
