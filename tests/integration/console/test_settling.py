"""Settling what was maybe sent on the pages of the console, and taking it back, without a browser."""

import re
from collections.abc import Iterator

import pytest

from ledger.api_key import KeyLimits, Scope
from ledger.api_keys import ApiKeys
from ledger.audit_log import recent_actions
from ledger.ledger import Ledger
from ledger.states import State
from tests.acceptance.installation import eventually
from tests.browser.scenery import Scenery
from tests.integration.console.console_visitor import Visitor
from tests.integration.console.settlements import make_due
from tests.integration.producers.web.serving import serving

__all__: list[str] = []


@pytest.fixture
def ledger(scenery: Scenery) -> Ledger:
    return scenery.ledger


@pytest.fixture
def url(scenery: Scenery) -> Iterator[str]:
    with serving(scenery.ledger.settings) as served:
        yield served


def unknown_rows(scenery: Scenery) -> list[str]:
    return scenery.ledger.announcements.numbers_in(scenery.move, State.UNKNOWN)


def events(ledger: Ledger) -> list[str]:
    return [each.id for each in ledger.events(State.UNKNOWN)]


def state(ledger: Ledger, id: str) -> State:
    return ledger.get(id).progress.state


def carried_out(visitor: Visitor, ledger: Ledger, ids: list[str]) -> set[State]:
    """The states of these when none is unknown any more: a page is drawn from what was read up to 2 s before."""
    make_due(ledger)

    def is_over() -> bool:
        visitor.look("/needs")
        return all(state(ledger, id) is not State.UNKNOWN for id in ids)

    eventually(is_over, 3, "the settlement is carried out")
    return {state(ledger, id) for id in ids}


def undo(visitor: Visitor, page: str) -> str:
    """Presses the first button of the page."""
    [value, *_] = re.findall(r'name="settlement" value="([^"]+)"', page)
    return visitor.act("/settle/undo", settlement=value, back="/needs").text


def test_several_are_settled_at_once_and_shown_as_what_can_be_taken_back(
    operator: Visitor, scenery: Scenery, ledger: Ledger
) -> None:
    assert "Tick ou_" in operator.look("/needs")
    ids = [*unknown_rows(scenery)[:2], events(ledger)[0]]
    page = operator.act("/settle", id=ids, back="/needs", **{"as": "delivered"}).text
    assert "3 maybe sent: they arrived." in page
    assert "key mia" in page
    assert all(f'value="{id}" form="settle"' not in page for id in ids)
    assert all(state(ledger, id) is State.UNKNOWN for id in ids)
    assert carried_out(operator, ledger, ids) == {State.DELIVERED}
    assert "they arrived." not in operator.look("/needs")
    did = {(act.by, act.did, act.id) for act in recent_actions(ledger, 3)}
    assert did == {("key mia", "resolve as delivered", id) for id in ids}


def test_what_is_taken_back_stands_there_again_and_both_steps_are_in_the_audit_log(
    operator: Visitor, scenery: Scenery, ledger: Ledger
) -> None:
    operator.look("/needs")
    page = operator.act("/settle", id=scenery.move, back="/needs", **{"as": "resend"}).text
    assert "3 maybe sent: they will be sent again." in page
    assert f"settle-{scenery.move}" not in page
    page = undo(operator, page)
    assert "Taken back: 3 maybe sent, as before." in page
    assert f"settle-{scenery.move}" in page
    make_due(ledger)
    assert len(unknown_rows(scenery)) == 3
    did = [(act.did, act.id) for act in recent_actions(ledger, 2)]
    assert did == [("undo resolve as resend", scenery.move), ("resolve as resend", scenery.move)]


def test_an_undo_that_comes_too_late_says_so(operator: Visitor, ledger: Ledger) -> None:
    operator.look("/needs")
    [first, _] = events(ledger)
    page = operator.act("/settle", id=first, back="/needs", **{"as": "failed"}).text
    make_due(ledger)
    assert "It could not be taken back any more: it is settled." in undo(operator, page)
    assert state(ledger, first) is State.FAILED


def test_the_number_of_what_needs_somebody_falls_at_once_and_rises_with_the_undo(operator: Visitor) -> None:
    def badge(page: str) -> int:
        return int(re.findall(r'class="badge" title="(\d+) ', page)[0])

    before = badge(operator.look("/needs"))
    ticked = re.findall(r'name="id" value="(n_[^"]+)" form="settle"', operator.page.text)
    assert len(ticked) == 5
    page = operator.act("/settle", id=ticked, back="/needs", **{"as": "delivered"}).text
    assert badge(page) == before - 5
    assert badge(undo(operator, page)) == before


def test_a_settlement_is_no_news_to_the_page_of_who_made_it(
    operator: Visitor, scenery: Scenery, ledger: Ledger
) -> None:
    operator.look("/needs")
    row = unknown_rows(scenery)[0]
    operator.act("/settle", id=row, back="/needs", **{"as": "delivered"})
    operator.look("/needs")
    [shown] = re.findall(r"live/needs\?shown=(\w+)", operator.page.text)
    carried_out(operator, ledger, [row])
    operator.look("/needs")
    assert re.findall(r"live/needs\?shown=(\w+)", operator.page.text) == [shown]


def test_the_page_of_a_row_and_its_announcement_settle_it_too(
    operator: Visitor, scenery: Scenery, ledger: Ledger
) -> None:
    row = unknown_rows(scenery)[0]
    assert "Settle 3 maybe sent…" in operator.look(f"/announcements/{scenery.move}")
    assert 'id="do-settle"' in operator.look(f"/notifications/{row}")
    page = operator.act("/settle", id=row, back=f"/notifications/{row}?flash=x", **{"as": "failed"}).text
    assert 'id="do-settle"' not in page
    assert "Settle 2 maybe sent…" in operator.look(f"/announcements/{scenery.move}")
    assert carried_out(operator, ledger, [row]) == {State.FAILED}


def test_nothing_is_settled_without_a_tick_of_other_desks_or_with_another_answer(
    operator: Visitor, url: str, scenery: Scenery, ledger: Ledger
) -> None:
    operator.look("/needs")
    [first, _] = events(ledger)
    assert "Nothing is ticked" in operator.act("/settle", back="/needs", **{"as": "delivered"}).text
    assert operator.act("/settle", id=first, back="/needs", **{"as": "joined"}).status_code == 422
    assert operator.act("/settle", id="x", back="/needs", **{"as": "failed"}).status_code == 404
    many = [f"n_{n}" for n in range(201)]
    assert "at most 200 at once" in operator.act("/settle", id=many, back="/needs", **{"as": "failed"}).text
    assert operator.act("/settle", id=first, back="//evil.example", **{"as": "failed"}).url.endswith("/console/")
    _, secret = ApiKeys(ledger).create("hr-alone", frozenset({Scope.OPERATE}), frozenset({"hr"}), None, "test")
    other = Visitor(url).sign_in(secret)
    page = other.act("/settle", id=unknown_rows(scenery), back="/needs", **{"as": "delivered"}).text
    assert "There was nothing left to settle" in page
    assert other.act("/settle/undo", settlement="default x", back="/needs").status_code == 404


def test_what_is_sent_again_counts_among_the_days_number_and_not_if_it_is_taken_back(
    url: str, scenery: Scenery, ledger: Ledger
) -> None:
    limits = KeyLimits(daily=3)
    _, secret = ApiKeys(ledger).create("few", frozenset({Scope.OPERATE}), None, None, "test", limits)
    few = Visitor(url).sign_in(secret)
    few.look("/needs")
    page = few.act("/settle", id=scenery.move, back="/needs", **{"as": "resend"}).text
    refused = few.act("/settle", id=events(ledger), back="/needs", **{"as": "resend"})
    assert refused.status_code == 429 or "at most 3" in refused.text
    undo(few, page)
    assert "sent again" in few.act("/settle", id=events(ledger), back="/needs", **{"as": "resend"}).text


def test_whoever_may_only_read_sees_what_is_settled_and_no_button(
    operator: Visitor, url: str, scenery: Scenery
) -> None:
    operator.look("/needs")
    operator.act("/settle", id=scenery.move, back="/needs", **{"as": "delivered"})
    page = Visitor(url).sign_in(scenery.reader).look("/needs")
    assert "3 maybe sent: they arrived." in page
    assert 'class="settling only-shown"' in page
    assert 'name="id"' not in page


@pytest.mark.parametrize("language", ["zh-CN"])
def test_all_of_it_is_said_in_chinese(url: str, scenery: Scenery, language: str) -> None:
    visitor = Visitor(url, language).sign_in(scenery.operator)
    assert "确认全部 3 条…" in visitor.look("/needs")
    page = visitor.act("/settle", id=scenery.move, back="/needs", **{"as": "delivered"}).text
    assert "3 条可能已发送的：已收到。" in page
    assert "已撤销：3 条仍为可能已发送。" in undo(visitor, page)
