"""How a receiver is named: the same words mean the same on the command line, in hooks and in the API."""

import pytest

from ledger.addresses import Contact, address_fields, address_text, distinct_addresses
from ledger.errors import BadInput
from ledger.notification import Notification


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("ou_ada", "receiver_id", "ou_ada"),
        ("id:ou_ada", "receiver_id", "ou_ada"),
        ("id:+86138", "receiver_id", "+86138"),
        ("id:7@x", "receiver_id", "7@x"),
        ("13800138000", "receiver_id", "13800138000"),
        ("ann@corp.example", "email", "ann@corp.example"),
        (" ann@corp.example ", "email", "ann@corp.example"),
        ("+ann@corp.example", "email", "+ann@corp.example"),
        ("+86 138-0013 (8000)", "mobile", "+8613800138000"),
        ("mobile:138 0013 8000", "mobile", "13800138000"),
        ("mobile: +49 (171) 2345678", "mobile", "+491712345678"),
    ],
)
def test_what_a_text_names(text: str, field: str, value: str) -> None:
    assert address_fields(text) == {field: value}
    assert address_fields(address_text({field: value})) == {field: value}


def test_an_address_is_one_however_it_is_written() -> None:
    given = [{"email": "Bea@x"}, {"email": "bea@X"}, {"mobile": "13900139000"}, {"mobile": "+86 139-0013 9000"}]
    assert list(distinct_addresses(given).values()) == [given[0], given[2]]
    ids = [{"receiver_id": "ou_a"}, {"receiver_id": "ou_A"}, {"mobile": "+85213900139"}, {"mobile": "13900139"}]
    assert list(distinct_addresses(ids).values()) == ids


def test_a_contact_is_read_from_its_text() -> None:
    for contact in (Contact("email", "a:b c@x"), Contact("mobile", "+8613800138000")):
        assert Contact.of_text(str(contact)) == contact
    with pytest.raises(ValueError, match="not the text of a contact"):
        Contact.of_text("0123 fax:5")


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({}, "receiver_id: is missing: give receiver_id, email or mobile"),
        ({"email": None}, "receiver_id: is missing: give receiver_id, email or mobile"),
        ({"receiver_id": "ou_a", "email": "a@x"}, "email: cannot be combined with receiver_id: give one of them"),
        ({"email": "a@x", "mobile": "+8613800138000"}, "mobile: cannot be combined with email: give one of them"),
        ({"receiver_id": ""}, "receiver_id: must not be empty"),
        ({"email": ""}, "email: is not an e-mail address, such as ann@corp.example"),
        ({"email": "a@x, b@x"}, "email: is not an e-mail address, such as ann@corp.example"),
        ({"email": "Ann <a@x>"}, "email: is not an e-mail address, such as ann@corp.example"),
        ({"email": 5}, "email: must be a string, not a number"),
        ({"mobile": "+12"}, "mobile: is not a mobile number: use digits, with +country code outside mainland China"),
        ({"mobile": 13800138000}, "mobile: must be a string, not a number"),
        (
            {"email": "a@x", "user_id_type": "user_id"},
            "user_id_type: must be open_id, or left out: email leads to that",
        ),
    ],
)
def test_a_notification_has_exactly_one_address(fields: dict[str, object], refusal: str) -> None:
    with pytest.raises(BadInput) as caught:
        Notification.build({**fields, "text": "hello"})
    assert str(caught.value) == refusal


def test_an_address_is_kept_as_it_was_given() -> None:
    given = Notification.build({"mobile": "+86 138-0013 8000", "text": "hello"})
    read = Notification.of_input(given.to_input())
    assert (read.receiver_id, read.mobile) == ("", "+86 138-0013 8000")
    assert read.contact == Contact("mobile", "+8613800138000")


def test_an_address_counts_for_the_fingerprint_of_a_key() -> None:
    ways = [{"receiver_id": "ou_a"}, {"email": "ou_a@x"}, {"email": "OU_A@x"}, {"mobile": "13800138000"}]
    digests = {Notification.build({**way, "text": "hello"}).content_hash for way in ways}
    assert len(digests) == len(ways)
    resolved = Notification.build({"email": "ou_a@x", "text": "hello"}).model_copy(update={"receiver_id": "ou_a"})
    assert resolved.content_hash in digests
