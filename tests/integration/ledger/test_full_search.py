"""Events and rows are found by what people know of them, in bounded portions."""

from collections.abc import Iterator

import orjson
import pytest

from ledger import full_search
from ledger.announcement import Spec
from ledger.errors import BadInput
from ledger.full_search import Finding, Found, Place, Sought
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.settings import Desk
from ledger.states import Outcome, State

__all__: list[str] = []

MESSAGE = {"msg_type": "text", "content": {"text": "Dear {{ name }}, s3cret"}}
COLUMNS = ("name", "email", "city")
LAST = 1199


def announce(ledger: Ledger, people: list[list[str | None]], desk: str = "default", key: str = "k") -> str:
    spec = Spec(name="Move", message=MESSAGE, columns=COLUMNS, desk=desk)
    rows = [orjson.dumps([n + 2, f"ou_{n}", values]) for n, values in enumerate(people)]
    id = ledger.announcements.open(spec, key=key, digest=key).id
    ledger.announcements.load(id, rows)
    assert ledger.announcements.start(id, spec, len(rows))
    return id


@pytest.fixture
def many(ledger: Ledger) -> str:
    people: list[list[str | None]] = [[f"Name{n}", f"name{n}@x.com", "Paris"] for n in range(LAST)]
    return announce(ledger, [*people, ["张三丰", "z@x.com", 'a "b" \\c']])


def pages(finding: Finding) -> Iterator[Found]:
    place = None
    while True:
        found = finding.page(place)
        yield found
        place = Place.of(str(found.next)) if found.next else None
        finding = Finding(finding.ledger, finding.sought, finding.desks, finding.state, finding.limit)
        if place is None:
            return


def ids(ledger: Ledger, text: str, **options: object) -> list[str]:
    finding = Finding(ledger, Sought.of(text), **options)  # type: ignore[arg-type]
    return [record.id for found in pages(finding) for record in found.records]


@pytest.mark.parametrize("text", ["name777@x.com", "NAME777", "ｎａｍｅ777", " name777@", "e777@X"])
def test_a_row_is_found_by_any_part_of_any_value(ledger: Ledger, many: str, text: str) -> None:
    [id] = ids(ledger, text)
    [record] = ledger.get_known([id])
    assert (record.person, record.line) == ({"name": "Name777", "email": "name777@x.com"}, 779)


@pytest.mark.parametrize("text", ["张三", "三丰", 'a "b" \\c', '"b"', "\\c"])
def test_other_scripts_and_what_json_escapes_are_found(ledger: Ledger, many: str, text: str) -> None:
    assert ids(ledger, text) == [f"n_{many[2:]}-{LAST}"]


def test_what_only_stands_in_the_stored_form_is_not_found(ledger: Ledger, many: str) -> None:
    assert ids(ledger, 'x.com","paris') == []
    assert ids(ledger, "s3cret") == []


def test_work_is_bounded_and_the_search_goes_on_where_it_ended(
    ledger: Ledger, many: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(full_search, "MOST_ROWS", 500)
    monkeypatch.setattr(full_search, "PORTION", 100)
    found = list(pages(Finding(ledger, Sought.of("张三丰"))))
    assert [each.reach()["rows"] for each in found] == [500, 1000, LAST + 1]
    assert [len(each.records) for each in found] == [0, 0, 1]
    assert {each.reach()["of_rows"] for each in found} == {LAST + 1}


def test_a_full_page_goes_on_behind_its_last_row(ledger: Ledger, many: str) -> None:
    found = list(pages(Finding(ledger, Sought.of("@x.com"), limit=70)))
    assert all(len(each.records) <= 70 for each in found)
    numbers = [record.id for each in found for record in each.records]
    assert numbers == [f"n_{many[2:]}-{n}" for n in range(LAST + 1)]


def test_the_newest_announcement_comes_first_and_another_desk_is_not_told(ledger_of_desks: Ledger) -> None:
    ledger = ledger_of_desks
    first = announce(ledger, [["Ada", "ada@x.com", None]], "hr", "1")
    second = announce(ledger, [["Ada", "ada@x.com", None]], "it", "2")
    events = [Notification.build({"receiver_id": "ou_ada", "text": "x", "desk": desk}) for desk in ("hr", "it")]
    mine, other = (ledger.accept([event])[0].id for event in events)
    found = ids(ledger, "ada")
    assert found[2:] == [f"n_{second[2:]}-0", f"n_{first[2:]}-0"]
    assert set(found[:2]) == {mine, other}  # of one ms
    assert ids(ledger, "ada", desks=frozenset({"hr"})) == [mine, f"n_{first[2:]}-0"]
    finding = Finding(ledger, Sought.of("ada"), frozenset({"hr"}))
    assert finding.page().reach()["of_rows"] == 1
    assert ids(ledger, other, desks=frozenset({"hr"})) == []


def test_an_event_is_found_by_receiver_key_id_and_message_id(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    [sent] = ledger.accept([Notification.build({"receiver_id": "ou_Bob", "text": "s3cret", "key": "disk-db3"})])
    ledger.accept([Notification.build({"receiver_id": "ou_eve", "text": "s3cret"})])
    leases.release([(desk, 5, 5)])
    leases.claim(desk, "t", [sent.id])
    attempt = Attempt(1, None, Outcome.DELIVERED, 0, 200, "log", 3, "om_12345", None)
    leases.record(desk, "t", [Result(sent.id, State.DELIVERED, [attempt])], "up")
    for text in ("ou_bob", "DISK-db3", "disk-d", sent.id, "om_12345"):
        assert ids(ledger, text) == [sent.id], text
    [by_mail] = ledger.accept([Notification.build({"email": "Carl@x.com", "text": "s3cret"})])
    assert ids(ledger, "carl@X") == [by_mail.id]
    assert ids(ledger, "s3cret") == []
    assert ids(ledger, "ou_bob", state=State.FAILED) == []


def test_a_row_is_found_by_its_message_id_and_its_id(ledger: Ledger, leases: Leases, desk: Desk) -> None:
    id = announce(ledger, [["Ada", None, None], ["Bob", None, None]])
    row = f"n_{id[2:]}-1"
    leases.release([(desk, 5, 5)])
    leases.claim(desk, "t", [row])
    attempt = Attempt(1, None, Outcome.DELIVERED, 0, 200, "log", 3, "om_row", None)
    leases.record(desk, "t", [Result(row, State.DELIVERED, [attempt])], "up")
    assert ids(ledger, "om_row") == [row]
    assert ids(ledger, row) == [row]


def test_rows_that_expire_while_they_are_searched_are_left_out(ledger: Ledger, many: str) -> None:
    ledger.redis.delete(ledger.keys.rows(many))
    assert ids(ledger, "name1") == []


@pytest.mark.parametrize("text", ["", " ", "a", "　ｂ ", "x" * 201])
def test_too_little_and_too_much_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="must have 2 to 200 characters"):
        Sought.of(text)


@pytest.mark.parametrize("cursor", ["", "x", "W10", "WyIiLCJub3RoaW5nIiwwLDAsMCxmYWxzZSxmYWxzZV0", "é"])
def test_a_place_from_elsewhere_is_refused(cursor: str) -> None:
    with pytest.raises(BadInput, match="is not a cursor from a page"):
        Place.of(cursor)
