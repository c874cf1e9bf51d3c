"""The streams of the console: what they tell, what they cost, and when they end."""

import html
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from threading import Timer

import pytest
import requests

from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings
from tests.calm import Stopwatch
from tests.integration.console.console_visitor import Visitor
from tests.integration.producers.cli.announcing_desk import Output, Worker, announced
from tests.integration.producers.web.serving import serving

__all__: list[str] = []

#: For an event to come: a glance a second, on a machine that may be busy.
PATIENCE_SECONDS = 60
#: What all pages together may cost Redis, in a second, however many are open.
MOST_COMMANDS = 25
#: Commands are counted for so long, at most so many times.
WINDOW_SECONDS, WINDOWS = 2, 12


@pytest.fixture
def ledger(empty_valkey: Settings, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("DESKBELL_DATA_DIR", str(empty_valkey.data_dir))
    return Ledger(empty_valkey)


@pytest.fixture
def url(empty_valkey: Settings) -> Iterator[str]:
    with serving(empty_valkey) as served:
        yield served


class Stream:
    """Reads events one after the other."""

    def __init__(self, answer: requests.Response) -> None:
        assert answer.headers["Content-Type"].startswith("text/event-stream"), answer.text
        self._lines = answer.iter_lines(chunk_size=1, decode_unicode=True)

    def until(self, event: str, text: str = "") -> str:
        """The next one of this name that holds the text."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        name, data = "", ""
        for line in self._lines:
            if line.startswith("event: "):
                name, data = line.removeprefix("event: "), ""
            elif line.startswith("data: "):
                data += line.removeprefix("data: ") + "\n"
            elif line == "" and name == event and text in data:
                return data
            if time.monotonic() > deadline:
                break
        raise AssertionError(f"no {event} with {text!r}; the last was {name}: {data[:500]}")

    def names_before_tick(self, first: str) -> list[str]:
        """The names of the events from the first of this name to the next tick."""
        self.until(first)
        names = (line.removeprefix("event: ") for line in self._lines if line.startswith("event: "))
        return list(takewhile(lambda name: name != "tick", names))

    def ends(self) -> bool:
        return all(True for _ in self._lines)


@contextmanager
def stream(visitor: Visitor, path: str) -> Iterator[Stream]:
    with visitor.session.get(f"{visitor.url}/live/{path}", stream=True, timeout=PATIENCE_SECONDS) as answer:
        yield Stream(answer)


def test_what_changes_is_told_by_itself(ledger: Ledger, url: str, capsys: Output) -> None:
    id = announced(capsys, "--name", "Office move")
    with stream(Visitor(url), f"announcements/{id}") as events:
        assert "3</b> queued" in events.until("standing")
        Worker(ledger).fail(1)
        assert "1</b> failed" in events.until("standing", "failed")
        assert events.until("failures-changed") == "1\n"
        Worker(ledger).lose(1)
        assert 'class="badge"' in events.until("badge", "1 needs a person")
        assert "do-settle" in events.until("actions", "do-settle")


def test_the_list_tells_each_announcement_that_moves_and_that_a_new_one_came(
    ledger: Ledger, url: str, capsys: Output
) -> None:
    first = announced(capsys, "--name", "First")
    with stream(Visitor(url), "announcements") as events:
        assert "First" in events.until(first)
        Worker(ledger).deliver(1)
        assert "1 / 3" in events.until(first, "1 / 3")
        second = announced(capsys, "--name", "Second", "--key", "2")
        assert events.until("list-changed").split() == [second, first]


@pytest.mark.parametrize(
    ("path", "event", "end"),
    [
        ("/announcements", "list-changed", Worker.deliver),
        ("/announcements/{id}", "failures-changed", Worker.fail),
        ("/needs", "needs-changed", Worker.lose),
    ],
)
def test_what_changes_between_a_page_and_its_stream_is_told(
    ledger: Ledger, url: str, capsys: Output, path: str, event: str, end: Callable[[Worker, int], None]
) -> None:
    id = announced(capsys)
    visitor = Visitor(url)
    page = path.format(id=id)
    earlier = live_path(visitor, page)
    end(Worker(ledger), 1)
    announced(capsys, "--name", "Second", "--key", "2")
    with stream(visitor, earlier) as events:
        events.until(event)
        with stream(visitor, live_path(visitor, page)) as later:
            assert event not in later.names_before_tick("badge")


def live_path(visitor: Visitor, page: str) -> str:
    """The stream of this page, as it was rendered now."""
    [path] = re.findall(r'sse-connect="/console/live/([^"]+)"', visitor.look(page))
    return html.unescape(path)


def test_many_open_pages_cost_redis_no_more_than_one(ledger: Ledger, url: str, capsys: Output) -> None:
    for number in range(30):
        announced(capsys, "--name", f"Announcement {number}", "--key", str(number), count=1)
    visitor = Visitor(url)
    costs = []
    for pages in (1, 40):
        streams = [stream(visitor, path) for path in ["now", "announcements", "badge", "needs"] * 10][:pages]
        entered = [each.__enter__() for each in streams]
        entered[0].until("badge" if pages == 0 else "desks")
        costs.append(least_per_second(ledger, MOST_COMMANDS))
        for each in streams:
            each.__exit__(None, None, None)
    # The worker's pings and our own question are among them.
    assert max(costs) <= MOST_COMMANDS, costs


def processed(ledger: Ledger) -> int:
    return int(ledger.redis.info("stats")["total_commands_processed"])


def least_per_second(ledger: Ledger, most: float) -> float:
    """Commands in a second, of several if it is more: pages that were just opened may still be drawn."""
    found = most + 1
    for _ in range(WINDOWS):
        before, watch = processed(ledger), Stopwatch()
        time.sleep(WINDOW_SECONDS)
        found = min(found, (processed(ledger) - before) / watch.seconds)
        if found <= most:
            break
    return found


def test_nobody_looks_nobody_asks(ledger: Ledger, url: str) -> None:
    visitor = Visitor(url)
    with stream(visitor, "now") as events:
        events.until("desks")
    assert least_per_second(ledger, 1) <= 1


def test_a_revoked_key_ends_the_streams_of_its_pages(ledger: Ledger, url: str) -> None:
    _, secret = ApiKeys(ledger).create("mia", frozenset({Scope.READ}), None, None, "test")
    visitor = Visitor(url).sign_in(secret)
    with stream(visitor, "now") as events:
        events.until("desks")
        ApiKeys(ledger).revoke("mia", "test")
        events.until("ended")
        assert events.ends()


def test_signing_out_ends_the_streams_of_this_session_alone(ledger: Ledger, url: str) -> None:
    _, secret = ApiKeys(ledger).create("mia", frozenset({Scope.READ}), None, None, "test")
    leaving, staying = Visitor(url).sign_in(secret), Visitor(url).sign_in(secret)
    with stream(leaving, "now") as left, stream(staying, "now") as kept:
        left.until("desks")
        kept.until("desks")
        leaving.look("/")
        leaving.act("/sign-out")
        left.until("ended")
        assert left.ends()
        ledger.accept([Notification.build({"receiver_id": "ou_1", "text": "Disk full"})])
        kept.until("summary", "<dd>1</dd>")


def test_a_server_that_stops_does_not_wait_for_open_pages(empty_valkey: Settings) -> None:
    with serving(empty_valkey) as url:
        opened = stream(Visitor(url), "now")
        opened.__enter__().until("desks")
        watch = Stopwatch()
    assert watch.calm_seconds < 10
    opened.__exit__(None, None, None)


def test_streams_go_on_after_redis_was_away_for_a_moment(ledger: Ledger, url: str) -> None:
    with stream(Visitor(url), "now") as events:
        events.until("desks")
        for client in ledger.redis.client_list():
            ledger.redis.client_kill_filter(_id=client["id"], skipme=True)
        Timer(0.5, ledger.accept, [[Notification.build({"receiver_id": "ou_1", "text": "Disk full"})]]).start()
        events.until("summary", "<dd>1</dd>")


def test_a_stream_needs_a_session_like_every_page(ledger: Ledger, url: str) -> None:
    ApiKeys(ledger).create("mia", frozenset({Scope.READ}), None, None, "test")
    assert Visitor(url).status("/live/now") == 303
