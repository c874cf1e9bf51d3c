"""What the shell offers for an id or a desk. Nothing when Redis or the settings fail: the command itself will tell."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from ledger.errors import DeskbellError
from ledger.ledger import Ledger
from ledger.practice import command_settings
from producers.cli.access import open_ledger
from producers.cli.language import word

__all__ = ["announcement_ids", "desk_names", "ids"]

#: The newest of each kind that are offered.
_NEWEST = 50
#: A word, and what the shell shows beside it.
Offer = tuple[str, str]


def announcement_ids(incomplete: str) -> list[Offer]:
    return _offers(_announcements, incomplete)


def ids(incomplete: str) -> list[Offer]:
    """Of announcements, or of notifications once `n` is written."""
    return _offers(_events if incomplete.startswith("n") else _announcements, incomplete)


def desk_names(incomplete: str) -> list[Offer]:
    return _offers(_desks, incomplete)


def _offers(read: Callable[[Ledger], Iterable[Offer]], incomplete: str) -> list[Offer]:
    try:
        with open_ledger(command_settings(), is_screen=True) as ledger:
            return [offer for offer in read(ledger) if offer[0].startswith(incomplete)]
    except DeskbellError:
        return []


def _announcements(ledger: Ledger) -> Iterator[Offer]:
    for each in ledger.announcements.several(ledger.announcements.ids(_NEWEST)):
        yield each.id, f"{each.spec.name} ({word(each.state)})"


def _events(ledger: Ledger) -> Iterator[Offer]:
    for record in islice(ledger.events(), _NEWEST):
        yield record.id, word(record.progress.state)


def _desks(ledger: Ledger) -> Iterator[Offer]:
    for name, desk in ledger.settings.all_desks.items():
        yield name, desk.helpdesk_id
