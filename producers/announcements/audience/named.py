"""The people whom a file names, by their open_ids: of the recipients, and of those who are excluded."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice

from feishu.contact import CONTACTS_PER_CALL, Resolved, Unresolved
from ledger.addresses import Contact
from ledger.delivery_options import UserIdType
from ledger.phrases import Phrase
from producers.announcements.addressing import Address, Addressing, RowError
from producers.announcements.lookup import Lookup
from producers.announcements.recipients import Recipients, Row

__all__ = ["Nobody", "named_people", "open_ids"]


class Nobody(RowError):
    """The row has an address that leads to nobody whom the app may see."""

    __slots__ = ()


def named_people(
    recipients: Recipients, addressing: Addressing, lookup: Lookup
) -> Iterator[tuple[Row, str | RowError]]:
    """Each row with its receiver's open_id, or what is wrong with it. Feishu is asked about 50 rows at once."""
    rows = recipients.rows()
    while batch := list(islice(rows, CONTACTS_PER_CALL)):
        contacts = [contact for row in batch if (contact := addressing.contact(row))]
        resolved = lookup.resolve(list(dict.fromkeys(contacts))) if contacts else {}
        found = [(row, _address(row, recipients.columns, addressing, resolved)) for row in batch]
        addresses = [address for _, address in found if isinstance(address, Address)]
        by_id = open_ids([(each.user_id_type, each.receiver_id) for each in addresses], lookup)
        yield from ((row, _open_id(row, address, by_id)) for row, address in found)


def open_ids(ids: Iterable[tuple[UserIdType, str]], lookup: Lookup) -> dict[tuple[UserIdType, str], str]:
    """The open_ids of at most 50 people, by their ids of any type; without those whom the app may not see."""
    found: dict[tuple[UserIdType, str], str] = {}
    for id_type, group in groupby(sorted(set(ids)), key=lambda each: each[0]):
        of_type = [id for _, id in group]
        known = {id: id for id in of_type} if id_type is UserIdType.OPEN_ID else lookup.open_ids(of_type, id_type)
        found |= {(id_type, id): open_id for id, open_id in known.items()}
    return found


def _address(
    row: Row, columns: Sequence[str], addressing: Addressing, resolved: Mapping[Contact, Resolved]
) -> Address | RowError:
    if row.problem:
        return RowError(row.line, row.column, row.problem)
    needed = addressing.needed(row) if row.unusable else ()
    for at, problem in row.unusable:
        if at in needed:
            return RowError(row.line, columns[at], problem)
    address = addressing.address(row, resolved)
    if isinstance(address, RowError) and (contact := addressing.contact(row)):
        return Nobody(*address) if isinstance(resolved.get(contact), Unresolved) else address
    return address


def _open_id(row: Row, address: Address | RowError, by_id: Mapping[tuple[UserIdType, str], str]) -> str | RowError:
    if isinstance(address, RowError):
        return address
    open_id = by_id.get((address.user_id_type, address.receiver_id))
    if open_id is None:
        problem = Phrase("nobody with this {type} is visible to the app", type=address.user_id_type.value)
        return Nobody(row.line, None, problem)
    return open_id
