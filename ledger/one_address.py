"""One person, as somebody names them in one text: the address of a test, of an approver, of whoever is told."""

from typing import Any, cast

from ledger.addresses import Contact, ContactKind, address_fields
from ledger.delivery_options import UserIdType
from ledger.phrases import Phrase
from ledger.receiver_ids import id_type_of, receiver_id_problem

__all__ = ["checked_address", "receiver_fields"]


def receiver_fields(text: str, ids: UserIdType = UserIdType.OPEN_ID) -> dict[str, Any]:
    """The fields of a notification to this address. An id that begins like no other is one of the type `ids`.

    Raises ValueError for what is not one address.
    """
    [(field, value)] = address_fields(text).items()
    if field != "receiver_id":
        if Contact.read(cast(ContactKind, field), value) is None:
            raise ValueError(Phrase("is not an address: use an id, an e-mail address, or +86 and a mobile number"))
        return {field: value}
    found = id_type_of(value)
    kind = ids if found is UserIdType.USER_ID else found
    if problem := receiver_id_problem(value, kind):
        raise ValueError(problem)
    return {field: value, "user_id_type": kind}


def checked_address(text: str) -> str:
    """The address itself. Raises ValueError."""
    receiver_fields(text)
    return text.strip()
