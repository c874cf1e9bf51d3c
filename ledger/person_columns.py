"""Of a row's columns, those by which people know somebody: a name, an e-mail address, a mobile number."""

from collections.abc import Sequence
from functools import lru_cache

from ledger.messages.column_names import folded

__all__ = ["person_of"]

#: Columns that are shown of a row; if none is known for a person, the first ones of the file.
SHOWN, FIRST = 3, 2
#: What people call such columns, folded: whole names, then what stands anywhere in one.
_NAMES = frozenset(
    {"name", "full name", "fullname", "full_name", "display name", "display_name", "first name", "first_name"}
    | {"last name", "last_name", "given name", "surname", "employee", "employee name", "employee_name", "recipient"}
    | {"名字", "中文名", "英文名", "昵称", "称呼", "收件人", "接收人", "员工"}
)
_NAME_PARTS, _MAIL_PARTS = ("姓名",), ("mail", "邮箱", "邮件")
_MOBILES = frozenset({"phone", "phone number", "phone_number", "cell", "cellphone", "tel", "telephone"})
_MOBILE_PARTS = ("mobile", "手机", "电话")
#: These say no more than the id beside them.
_IDS = frozenset({"receiver_id", "open_id", "user_id", "union_id"})


def person_of(columns: tuple[str, ...], values: Sequence[str | None]) -> dict[str, str]:
    """Column and value of what tells people who it is: never empty if the row has any value."""
    known = [(columns[at], values[at]) for at in _known(columns) if at < len(values)]
    told = {name: value for name, value in known if value}
    if told:
        return told
    others = ((name, value) for name, value in zip(columns, values, strict=False) if folded(name) not in _IDS)
    return dict([(name, value) for name, value in others if value][:FIRST])


@lru_cache(maxsize=256)
def _known(columns: tuple[str, ...]) -> tuple[int, ...]:
    """Names first, then one column of e-mail and one of mobile numbers."""
    names = [folded(column) for column in columns]
    named = [at for at, name in enumerate(names) if name in _NAMES or _has(name, _NAME_PARTS)]
    mails = [at for at, name in enumerate(names) if _has(name, _MAIL_PARTS)]
    mobiles = [at for at, name in enumerate(names) if name in _MOBILES or _has(name, _MOBILE_PARTS)]
    return tuple(dict.fromkeys([*named[:2], *mails[:1], *mobiles[:1]]))[:SHOWN]


def _has(name: str, parts: Sequence[str]) -> bool:
    return any(part in name for part in parts)
