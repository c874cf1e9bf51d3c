"""What looks like an email address or a mobile number, and how it is asked about."""

from typing import Literal

import pytest

from ledger.addresses import Contact

__all__: list[str] = []


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "ann"),
        ("email", "ann at x.cn"),
        ("email", "a@x.cn, b@x.cn"),
        ("mobile", "ann@x.cn"),
        ("mobile", "1.3812E+10"),
        ("mobile", "13812345678.0"),  # without its dot it would be another number
        ("mobile", "110"),
        ("mobile", "13812345678+"),
    ],
)
def test_what_is_no_contact_by_its_looks_is_none(kind: Literal["email", "mobile"], value: str) -> None:
    assert Contact.read(kind, value) is None


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("email", " ann@x.cn ", "ann@x.cn"),
        ("mobile", "13812345678", "13812345678"),
        ("mobile", "+86 138 1234 5678", "+8613812345678"),
        ("mobile", "+1 (650) 555-0100", "+16505550100"),
        ("mobile", "0086-138-1234-5678", "008613812345678"),
    ],
)
def test_a_contact_may_be_written_in_the_usual_ways(kind: Literal["email", "mobile"], text: str, value: str) -> None:
    assert Contact.read(kind, text) == Contact(kind, value)
