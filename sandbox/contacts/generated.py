"""A tenant of any size by a rule: the same every time, and people are made only when they are asked for.

Person N of `--people` is `pNNNNNN`, with `pNNNNNN@corp.example` and the mobile number 13800000000 + N; department N is
`od-dNNNNN`, with up to eight below it. One person of 20 is in two departments, one of 1,000 directly in the root.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from sandbox.contacts.directory import DYNAMIC, ROOT, Department, Directory, Group, Person

__all__ = ["generated_directory"]

_DOMAIN = "corp.example"
_FIRST_MOBILE = 13_800_000_000
#: Departments directly below another.
_BREADTH = 8
#: Of each 200 people, those at these places are not simply active.
_STATUS_AT = {
    **dict.fromkeys((13, 113), "frozen"),
    **dict.fromkeys((27, 77, 127, 177), "resigned"),
    **dict.fromkeys((41, 81, 99, 121, 141, 161), "not_activated"),
    59: "exited",
    **dict.fromkeys((83, 183), "unjoin"),
}
_GROUPS = 10
_GROUP_PEOPLE = 250
_FAMILIES = "李王张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = (
    "娜",
    "伟",
    "静",
    "磊",
    "敏",
    "强",
    "芳",
    "军",
    "洋",
    "艳",
    "杰",
    "婷",
    "涛",
    "雪",
    "明",
    "霞",
    "鹏",
    "燕",
    "辉",
)
_CITIES = ("Shanghai", "Beijing", "Shenzhen", "Hangzhou", "Chengdu")
_TITLES = ("Engineer", "Analyst", "Designer", "Account Manager", "Recruiter", "Intern")
_UNITS = ("Sales", "Research", "Support", "Finance", "Operations", "Design", "Legal", "People")


class _People(Mapping[str, Person]):
    """Made when asked for: a hundred thousand of them would take 50 MB and half a second at each start."""

    def __init__(self, count: int, departments: int) -> None:
        self._count, self._departments = count, departments

    def __getitem__(self, person_id: str) -> Person:
        number = _number(person_id)
        if not 0 <= number < self._count:
            raise KeyError(person_id)
        return _person(number, self._departments)

    def __iter__(self) -> Iterator[str]:
        return map(_person_id, range(self._count))

    def __len__(self) -> int:
        return self._count


class _Mails(Mapping[str, str]):
    """`pNNNNNN@corp.example`, and nobody else there."""

    def __init__(self, people: _People) -> None:
        self._people = people

    def __getitem__(self, mail: str) -> str:
        person_id, _, domain = mail.partition("@")
        if domain != _DOMAIN or person_id not in self._people:
            raise KeyError(mail)
        return person_id

    def __iter__(self) -> Iterator[str]:
        return (f"{person_id}@{_DOMAIN}" for person_id in self._people)

    def __len__(self) -> int:
        return len(self._people)


class _Mobiles(_Mails):
    def __getitem__(self, digits: str) -> str:
        number = int(digits) - _FIRST_MOBILE if digits.isascii() and digits.isdecimal() else -1
        if not 0 <= number < len(self._people):
            raise KeyError(digits)
        return _person_id(number)

    def __iter__(self) -> Iterator[str]:
        return (str(_FIRST_MOBILE + number) for number in range(len(self._people)))


def generated_directory(people: int, departments: int) -> Directory:
    listed = _People(people, departments)
    members: dict[str, list[str]] = defaultdict(list)
    for number in range(people):
        for open_id in _departments_of(number, departments):
            members[open_id].append(_person_id(number))
    return Directory(
        people=listed,
        departments={_department_id(number): _department(number) for number in range(1, departments + 1)},
        groups={group.id: group for group in _groups(people, departments)},
        members=members,
        mails=_Mails(listed),
        mobiles=_Mobiles(listed),
        domains=frozenset({_DOMAIN, f"mail.{_DOMAIN}"}),
    )


def _person(number: int, departments: int) -> Person:
    person_id = _person_id(number)
    family, given = number % len(_FAMILIES), number // len(_FAMILIES) % len(_GIVEN)
    return Person(
        id=person_id,
        name=_FAMILIES[family] + _GIVEN[given],
        en_name=f"Person {number}",
        email=f"{person_id}@{_DOMAIN}",
        enterprise_email=f"{person_id}@mail.{_DOMAIN}",
        mobile=f"+86{_FIRST_MOBILE + number}",
        employee_no=f"{number:06d}",
        job_title=_TITLES[number % len(_TITLES)],
        city=_CITIES[number % len(_CITIES)],
        status=_STATUS_AT.get(number % 200, "active"),
        departments=_departments_of(number, departments),
    )


def _departments_of(number: int, departments: int) -> tuple[str, ...]:
    if not departments or number % 1000 == 0:
        return (ROOT,)
    main = 1 + number % departments
    other = 1 + (number * 7 + 3) % departments
    also = (_department_id(other),) if number % 20 == 7 and other != main else ()
    return (_department_id(main), *also)


def _department(number: int) -> Department:
    parent = (number - 1) // _BREADTH
    unit = _UNITS[number % len(_UNITS)]
    return Department(
        open_id=_department_id(number),
        own_id=f"D{number:05d}",
        name=f"{unit} {number}",
        en_name=f"{unit} {number}",
        parent=_department_id(parent) if parent else ROOT,
    )


def _groups(people: int, departments: int) -> Iterator[Group]:
    """Most are normal, with people and every third with departments; the last two are dynamic."""
    for number in range(1, _GROUPS + 1):
        step = max(1, people // _GROUP_PEOPLE)
        chosen = tuple(map(_person_id, range(number, people, step)))[:_GROUP_PEOPLE]
        if number > _GROUPS - 2:
            yield Group(f"g{number:05d}", f"Everybody in city {number}", DYNAMIC, chosen)
        else:
            of_departments = tuple(map(_department_id, range(number, departments + 1, max(1, departments // 3))))[:3]
            yield Group(f"g{number:05d}", f"Group {number}", people=chosen, departments=of_departments)


def _person_id(number: int) -> str:
    return f"p{number:06d}"


def _department_id(number: int) -> str:
    return f"od-d{number:05d}"


def _number(person_id: str) -> int:
    digits = person_id[1:]
    is_one = person_id.startswith("p") and (len(digits) == 6 or (len(digits) > 6 and not digits.startswith("0")))
    return int(digits) if is_one and digits.isascii() and digits.isdecimal() else -1
