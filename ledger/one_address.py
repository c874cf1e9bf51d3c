"""One person, named in one text: the address for a test, of an approver, or for notices."""

from typing import Any

from ledger.addresses import address_fields, contact_of
from ledger.delivery_options import UserIdType
from ledger.phrases import Phrase
from ledger.receiver_ids import id_type_of, receiver_id_problem

__all__ = ["checked_address", "receiver_fields"]


def receiver_fields(text: str, ids: UserIdType = UserIdType.OPEN_ID) -> dict[str, Any]:
    """The fields of a notification to this address. An id that begins like no other is one of the type `ids`.

    Raises ValueError for what is not one address.
    """
    fields = address_fields(text)
    value = fields.get("receiver_id")
    if value is None:
        if contact_of(fields) is None:
            raise ValueError(Phrase("is not an address: use an id, an e-mail address, or +86 and a mobile number"))
        return dict(fields)
    found = id_type_of(value)
    kind = ids if found is UserIdType.USER_ID else found
    if problem := receiver_id_problem(value, kind):
        raise ValueError(problem)
    return {"receiver_id": value, "user_id_type": kind}


def checked_address(text: str) -> str:
    """The address itself. Raises ValueError."""
    receiver_fields(text)
    return text.strip()
