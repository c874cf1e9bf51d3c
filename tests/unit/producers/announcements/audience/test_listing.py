"""What the app may see is listed whole, also when Feishu forgets how far it had got."""

import pytest

from feishu.directory import Directory, StalePage
from feishu.query_retry import QueryRetry
from producers.announcements.audience.levels import departments_below
from producers.announcements.audience.listing import RESTARTS
from producers.announcements.audience.visible import visible_departments, visible_groups
from tests.company import Company, refusal

DEPARTMENTS = {f"od-{n}": "0" for n in range(5)}


def directory(company: Company) -> Directory:
    return Directory(company, lambda: None, QueryRetry(lambda _: None))  # type: ignore[arg-type]


def test_a_list_whose_next_page_feishu_forgot_is_begun_again() -> None:
    asked = Company({}, DEPARTMENTS, page=2, faults={2: refusal(40012)})
    assert [each.id for each in visible_departments(directory(asked))] == sorted(DEPARTMENTS)
    asked = Company({}, DEPARTMENTS, page=2, faults={3: refusal(40012)})
    assert [each.id for each in departments_below(directory(asked), None)] == sorted(DEPARTMENTS)


def test_groups_are_listed_once_each_when_it_is_begun_again() -> None:
    groups: dict[str, list[str]] = {f"g{n}": [] for n in range(5)}
    asked = Company({}, {}, groups=groups, page=2, faults={2: refusal(40012)})
    assert sorted(each.id for each in visible_groups(directory(asked))) == sorted(groups)


def test_a_range_whose_next_page_feishu_forgot_is_begun_again() -> None:
    asked = Company({}, DEPARTMENTS, page=2, hidden={"0"}, faults={3: refusal(40012)})
    assert [each.id for each in departments_below(directory(asked), None)] == sorted(DEPARTMENTS)


def test_a_list_that_is_forgotten_again_and_again_is_an_error() -> None:
    asked = Company({}, DEPARTMENTS, page=2, faults={n: refusal(40012) for n in range(1, 30)})
    with pytest.raises(StalePage):
        visible_departments(directory(asked))
    assert len(asked.asked) == RESTARTS + 1
