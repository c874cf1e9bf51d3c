"""The console's pages of events that go into one message, without a browser."""

from collections.abc import Iterator

import pytest

from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.states import State
from ledger.times import unix_ms
from tests.integration.console.console_visitor import Visitor
from tests.integration.producers.web.serving import serving

__all__: list[str] = []


@pytest.fixture
def visitor(ledger: Ledger) -> Iterator[Visitor]:
    with serving(ledger.settings) as url:
        yield Visitor(url)


def send(ledger: Ledger, text: str) -> tuple[str, str]:
    [accepted] = ledger.accept([Notification.build({"receiver_id": "ou_ada", "text": text, "digest": "5m"})])
    return accepted.id, accepted.into or ""


@pytest.mark.parametrize(("language", "joined"), [("en", "joined"), ("zh-CN", "已合并")])
def test_a_joined_event_leads_to_the_message_that_tells_of_it(
    visitor: Visitor, ledger: Ledger, language: str, joined: str
) -> None:
    id, message = send(ledger, "Disk full")
    visitor.session.headers["Accept-Language"] = language
    page = visitor.look(f"/notifications/{id}")
    assert f'<span class="state joined">{joined}</span>' in " ".join(page.split())
    assert f'href="/console/notifications/{message}"' in page
    for act in ("cancel", "retry", "reschedule", "send-now"):
        assert f'popovertarget="confirm-{act}"' not in page
    assert id in visitor.look("/notifications?state=joined")


def test_the_message_shows_what_it_tells_so_far_and_goes_when_it_is_sent_now(visitor: Visitor, ledger: Ledger) -> None:
    send(ledger, "Disk full on db-3")
    _, message = send(ledger, "Disk full on R&D")
    page = visitor.look(f"/notifications/{message}")
    assert "2 messages since" in page
    assert "Disk full on db-3" in page
    assert "Disk full on R&D" in page
    due_ms = ledger.get(message).due_ms
    visitor.page = visitor.act(f"/notifications/{message}/send_now")
    assert "It goes next." in visitor.page.text
    record = ledger.get(message)
    assert record.progress.state is State.SCHEDULED, "until the pacer looks"
    assert record.due_ms is not None
    assert due_ms is not None
    assert record.due_ms < due_ms - 200_000
    assert unix_ms(record.notification.at) == record.due_ms


def test_what_is_sent_already_cannot_be_sent_now(visitor: Visitor, ledger: Ledger) -> None:
    [accepted] = ledger.accept([Notification.build({"receiver_id": "ou_ada", "text": "x"})])
    visitor.look(f"/notifications/{accepted.id}")
    assert visitor.act(f"/notifications/{accepted.id}/send_now").status_code == 409
