"""What a program does with an announcement: the same by both ways, through Redis and over HTTP, on a real Valkey."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from deskbell import (
    AnnouncementHandle,
    AnnouncementState,
    BadInput,
    DeskbellError,
    Forbidden,
    NotAllowed,
    NotFound,
    Notifier,
    State,
    Unauthorized,
)
from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.client import http_backend
from producers.client.http_backend import HttpBackend
from producers.client.ledger_backend import LedgerBackend
from producers.machine_user import machine_user
from tests.integration.producers.cli.announcing_desk import Worker, soon
from tests.integration.producers.web.web_thread import WebThread

__all__: list[str] = []

ROWS = [{"receiver_id": f"ou_{n}", "name": f"P{n}", "state": "Bavaria"} for n in range(5)]
ABSENT = "a_06hzb2k1c9f3q8rd"


@pytest.fixture(scope="module")
def serving(valkey: Settings) -> Iterator[WebThread]:
    with WebThread(valkey.model_copy(update={"rate": ()})) as running:
        yield running


@pytest.fixture
def url(web: WebThread) -> str:
    return web.url


@pytest.fixture
def ledger(web: WebThread) -> Ledger:
    return web.context.ledger


@pytest.fixture(params=["redis", "http"])
def notifier(request: pytest.FixtureRequest, url: str, ledger: Ledger) -> Iterator[Notifier]:
    # On a machine that is busy with other tests an answer may take longer than the five seconds of a program.
    backend = LedgerBackend(ledger) if request.param == "redis" else HttpBackend(url, timeout_seconds=60)
    with Notifier(backend) as notifier:
        yield notifier


@pytest.fixture
def move(notifier: Notifier) -> AnnouncementHandle:
    return notifier.announcement(notifier.announce(ROWS, text="Dear {{ name }}", name="Office move"))


def test_it_is_given_another_time_before_its_first_row(notifier: Notifier) -> None:
    announced = notifier.announce(ROWS, text="Dear {{ name }}", name="Move", at="2h")
    move = notifier.announcement(announced)
    assert move.state is AnnouncementState.SCHEDULED
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    naive = tomorrow.astimezone(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None)
    assert move.reschedule(naive, timezone="Asia/Shanghai") is AnnouncementState.SCHEDULED
    assert move.status().due_at == tomorrow
    assert move.pause() is AnnouncementState.PAUSED
    assert move.reschedule("3h") is AnnouncementState.PAUSED
    assert move.resume() is AnnouncementState.SCHEDULED
    assert move.resume() is AnnouncementState.SCHEDULED  # repeating a verb changes nothing
    for wrong in (naive, "2020-01-01T09:00Z", "soon", None):
        with pytest.raises(BadInput, match="at: "):
            move.reschedule(wrong)  # type: ignore[arg-type]
    move.cancel()
    with pytest.raises(NotAllowed):
        move.reschedule("1h")
    with pytest.raises(NotFound):
        notifier.announcement(ABSENT).reschedule("1h")


def test_a_scheduled_notification_is_given_another_time(notifier: Notifier, ledger: Ledger) -> None:
    id = notifier.send(receiver_id="ou_ada", text="x", at="2h", expires="4h").id
    assert notifier.reschedule(id, "3h") is State.SCHEDULED
    due_ms = notifier.get(id).due_ms
    assert due_ms
    assert abs(due_ms / 1000 - time.time() - 3 * 3600) < 60
    assert [did for _, _, did in notifier.get(id).progress.acts] == ["reschedule"]
    with pytest.raises(BadInput, match="when it expires"):
        notifier.reschedule(id, "5h")
    assert notifier.reschedule(id, "0s") is State.SCHEDULED
    Worker(ledger).deliver(1)
    with pytest.raises(NotAllowed):
        notifier.reschedule(id, "1h")
    for absent in ("n_06hzb2k1c9f3q8rd", ABSENT, "elsewhere"):
        with pytest.raises(NotFound):
            notifier.reschedule(absent, "1h")


def test_it_tells_how_it_stands(move: AnnouncementHandle, notifier: Notifier, ledger: Ledger) -> None:
    Worker(ledger).deliver(2)
    status = notifier.announcement(move.id).status()
    assert (status.id, status.name, status.desk, status.total) == (move.id, "Office move", "default", 5)
    assert (status.state, status.ended, status.finished_at) == (AnnouncementState.RUNNING, None, None)
    assert status.counts == {**dict.fromkeys(State, 0), State.DELIVERED: 2, State.QUEUED: 3}
    assert (move.state, move.counts) == (status.state, status.counts)
    assert status.created_at is not None
    assert abs(status.created_at.timestamp() - time.time()) < 60


def test_it_is_paused_resumed_and_cancelled_and_a_repetition_changes_nothing(
    move: AnnouncementHandle, ledger: Ledger
) -> None:
    assert (move.pause(), move.pause(), move.state) == (AnnouncementState.PAUSED,) * 3
    assert (move.resume(), move.resume(), move.state) == (AnnouncementState.RUNNING,) * 3
    assert (move.cancel(), move.cancel(), move.state) == (AnnouncementState.CANCELLED,) * 3
    acts = [(by, did) for _, by, did in ledger.announcements.get(move.id).acts if did != "announce"]
    assert [did for _, did in acts] == ["pause", "resume", "cancel"]
    assert {by for by, _ in acts} <= {machine_user(), "loopback"}


def test_wait_returns_when_it_has_paused_by_itself(notifier: Notifier, ledger: Ledger) -> None:
    announced = notifier.announce(ROWS, text="Dear {{ name }}", name="Office move", first=2, stop_at="5%")
    move = notifier.announcement(announced)
    with soon(Worker(ledger).deliver):
        status = move.wait(timeout=60)
    assert (status.state, status.paused_by, status.counts[State.DELIVERED]) == ("paused", "first_n", 2)
    assert move.resume() is AnnouncementState.RUNNING
    assert move.status().paused_by is None


def test_what_the_state_forbids_is_not_allowed(move: AnnouncementHandle) -> None:
    move.cancel()
    for verb in (move.pause, move.resume):
        with pytest.raises(NotAllowed, match=f"cannot .* {move.id}: it is cancelled"):
            verb()


def test_the_rows_come_in_the_order_of_the_file_all_or_those_in_one_state(
    move: AnnouncementHandle, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_backend, "_PAGE_ROWS", 2)
    Worker(ledger).deliver(1)
    Worker(ledger).fail(2)
    rows = list(move.rows())
    assert [(row.line, row.receiver_id, row.state) for row in rows] == [
        (1, "ou_0", State.DELIVERED),
        (2, "ou_1", State.FAILED),
        (3, "ou_2", State.FAILED),
        (4, "ou_3", State.QUEUED),
        (5, "ou_4", State.QUEUED),
    ]
    delivered, failed = rows[:2]
    assert (delivered.message_id, delivered.via, delivered.attempts, delivered.error_code) == ("om_1", "chat", 1, None)
    assert (failed.error_code, failed.error_msg, failed.message_id) == (154004, "=no such person", None)
    # A column that has a name of ours goes by another one, as in an export.
    assert failed.values == {"name": "P1", "input_state": "Bavaria"}
    assert failed.finished_at is not None
    assert rows[4].finished_at is None
    assert list(move.rows(State.FAILED)) == list(move.rows("failed")) == rows[1:3]


def test_a_program_waits_for_its_end(move: AnnouncementHandle, ledger: Ledger) -> None:
    with pytest.raises(TimeoutError, match=f"{move.id} is still running after 0.1 seconds"):
        move.wait(timeout=0.1)
    with soon(Worker(ledger).deliver):
        status = move.wait(timeout=60)
    assert (status.state, status.ended) == (AnnouncementState.FINISHED, "complete")
    assert status.counts[State.DELIVERED] == 5
    assert status.finished_at is not None


def test_a_program_does_not_wait_for_what_is_cancelled(move: AnnouncementHandle) -> None:
    move.cancel()
    assert move.wait().counts[State.CANCELLED] == 5


@pytest.mark.parametrize("id", [ABSENT, "n_06hzb2k1c9f3q8rd", "e_default"])
@pytest.mark.parametrize(
    "call",
    [lambda move: move.pause(), lambda move: move.status(), lambda move: list(move.rows()), lambda move: move.wait()],
    ids=["pause", "status", "rows", "wait"],
)
def test_an_id_that_is_not_on_record_is_not_found(
    notifier: Notifier, id: str, call: Callable[[AnnouncementHandle], object]
) -> None:
    with pytest.raises(NotFound, match=f"no such id: {id}"):
        call(notifier.announcement(id))


def test_a_key_that_is_unknown_or_lacks_a_scope_has_a_class_to_catch(url: str, ledger: Ledger) -> None:
    _, secret = ApiKeys(ledger).create("reader", frozenset({Scope.READ}), None, None, "test")
    for key, kind, told in (
        (None, Unauthorized, r"answered 401 \(A key is needed\)"),
        ("dbk_wrong", Unauthorized, r"answered 401 \(The key is unknown\)"),
        (secret, Forbidden, r"answered 403 \(The key lacks a scope\): this needs the scope send"),
    ):
        with Notifier.http(url, key, timeout=60) as notifier, pytest.raises(kind, match=told):
            notifier.send(receiver_id="ou_ada", text="hi")


def test_a_server_that_tells_something_else_is_an_error_of_ours() -> None:
    with pytest.raises(DeskbellError, match="cannot be read: is the server newer"):
        http_backend._read(http_backend.AnnouncementStatus.of_json, {"id": ABSENT})


def test_the_repr_is_its_id(move: AnnouncementHandle) -> None:
    assert repr(move) == f"AnnouncementHandle('{move.id}')"
