"""Which columns of a file tell people who somebody is."""

import pytest

from ledger.person_columns import person_of

#: The header, the row, and what is shown of it.
FILES = {
    "name and e-mail": (
        ("email", "Name", "city"),
        ("ada@x.com", "Ada", "Paris"),
        {"Name": "Ada", "email": "ada@x.com"},
    ),
    "in Chinese": (
        ("部门", "员工姓名", "公司邮箱", "手机号码"),
        ("销售", "张三", "z@x.com", "13800138000"),
        {"员工姓名": "张三", "公司邮箱": "z@x.com", "手机号码": "13800138000"},
    ),
    "two names leave room for one address": (
        ("First name", "Last name", "E-mail", "Mobile"),
        ("Ada", "Lovelace", "a@x.com", "138"),
        {"First name": "Ada", "Last name": "Lovelace", "E-mail": "a@x.com"},
    ),
    "wide letters": (("ＮＡＭＥ", "x"), ("Ada", "1"), {"ＮＡＭＥ": "Ada"}),
    "a product is not a person": (("Product name", "seat"), ("Pump", "7"), {"Product name": "Pump", "seat": "7"}),
    "nothing known: the first ones": (
        ("receiver_id", "seat", "floor", "desk"),
        ("ou_a", "7", "2", "x"),
        {"seat": "7", "floor": "2"},
    ),
    "what is known is empty": (("name", "seat"), (None, "7"), {"seat": "7"}),
    "nothing at all": (("name", "seat"), (None, None), {}),
    "a damaged row": (("name", "seat"), (), {}),
}


@pytest.mark.parametrize(("columns", "values", "told"), FILES.values(), ids=FILES)
def test_who_it_is(columns: tuple[str, ...], values: tuple[str | None, ...], told: dict[str, str]) -> None:
    assert person_of(columns, values) == told
    assert list(person_of(columns, values)) == list(told)
