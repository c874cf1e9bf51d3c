"""A file and typed addresses as one list of recipients."""

import io
from collections.abc import Sequence

import pytest

from ledger.addresses import Contact
from ledger.errors import BadInput
from producers.announcements.addressing import Options
from producers.announcements.check import Checked, check
from producers.announcements.recipients import ReadingOptions, Recipients
from producers.announcements.recipients.joined import JoinedRecipients

__all__: list[str] = []

TEXT = {"msg_type": "text", "content": {"text": "We move on Friday."}}


def joined(content: str, *addresses: str, column: str | None = None) -> JoinedRecipients:
    file = Recipients.open("-", io.BytesIO(content.encode()), options=ReadingOptions(address_column=column))
    return JoinedRecipients(file, addresses, column)


def found(recipients: Recipients, text: str = "We move on Friday.", column: str | None = None) -> Checked:
    def resolve(contacts: Sequence[Contact]) -> dict[Contact, str]:
        return {contact: f"ou_{contact.value.partition('@')[0].removeprefix('+')}" for contact in contacts}

    message = {"msg_type": "text", "content": {"text": text}}
    with recipients, check(recipients, message, Options(address_column=column), resolver=resolve) as checked:
        return checked


def cells(recipients: Recipients) -> list[tuple[int, tuple[str | None, ...]]]:
    return [(row.line, row.values) for row in recipients.rows()]


def test_a_typed_address_stands_behind_the_file_in_its_column_of_that_kind() -> None:
    with joined("邮箱,name\nann@corp.example,Ann\n", "bob@corp.example") as both:
        assert both.columns == ("邮箱", "name")
        assert cells(both) == [(2, ("ann@corp.example", "Ann")), (3, ("bob@corp.example", None))]
        assert both.typed_lines == (3, 3)


def test_a_kind_that_the_file_has_no_column_for_gets_one() -> None:
    with joined("receiver_id,name\nou_ann,Ann\n", "+8613800000001", "ou_cy", "bob@corp.example") as both:
        assert both.columns == ("receiver_id", "name", "mobile", "email")
        assert cells(both) == [
            (2, ("ou_ann", "Ann", None, None)),
            (3, (None, None, "+8613800000001", None)),
            (4, ("ou_cy", None, None, None)),
            (5, (None, None, None, "bob@corp.example")),
        ]


def test_the_union_has_each_person_once_and_says_what_named_them() -> None:
    checked = found(joined("email\nann@corp.example\n", "ann@corp.example", "bob@corp.example", "id:ou_cy"))
    assert (checked.rows, checked.accepted, checked.duplicate_count) == (4, 3, 1)
    assert [(each.line, each.first_line) for each in checked.duplicates] == [(3, 2)]
    assert {kind: rows for kind, rows in checked.addressed.items() if rows} == {"email": 2, "receiver_id": 1}


def test_a_typed_address_has_no_values_and_is_invalid_where_the_message_needs_one() -> None:
    checked = found(joined("email,name\nann@corp.example,Ann\n", "bob@corp.example"), "Dear {{ name }}")
    assert (checked.accepted, checked.invalid) == (1, 1)
    assert [str(each) for each in checked.problems] == [
        'line 3, column "name": has no value, but the message needs one'
    ]


def test_a_named_column_takes_addresses_of_any_kind_unless_its_name_says_which() -> None:
    checked = found(joined("who\nann@corp.example\n", "ou_bob", column="who"), column="who")
    assert (checked.accepted, checked.invalid) == (2, 0)
    options = ReadingOptions(address_column="email")
    with (
        Recipients.open("-", io.BytesIO(b"email\nann@corp.example\n"), options=options) as file,
        pytest.raises(BadInput, match="must be of the same kind as those in"),
    ):
        JoinedRecipients(file, ["ou_bob"], "email")


def test_other_addresses_are_other_recipients() -> None:
    content = "email\nann@corp.example\n"
    with joined(content, "bob@corp.example") as one, joined(content, "cy@corp.example") as other:
        assert one.sha256 != other.sha256
