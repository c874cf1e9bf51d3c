"""What Celery's own clients send, as they send it: through kombu, to a broker in memory."""

import base64
import bz2
import datetime
import decimal
import json
import lzma
import tracemalloc
import uuid
import zlib
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import brotli
import pytest
from backports import zstd
from celery import Celery, chain, group
from kombu.serialization import register, unregister

from tests.few import few
from worker.celery.foreign_message import ForeignMessage, told_headers
from worker.celery.message_body import MOST_BYTES
from worker.celery.message_filter import filtered
from worker.celery.task_message import TaskMessage

INTAKE = "deskbell.intake"
FIELDS = {"receiver_id": "ou_ada", "text": "Disk full 磁盘已满"}
MARKER = "BODY-7f3a-nobody-may-log-this"
CHINA = datetime.timezone(datetime.timedelta(hours=8))


class Sender:
    """An application of somebody else."""

    def __init__(self, **settings: Any) -> None:
        self.app = Celery("somebody", broker="memory://", set_as_current=False)
        self.app.conf.update(result_backend=None, **settings)

    def send(self, *args: Any, **options: Any) -> dict[str, Any]:
        """The message that one call leaves on the queue."""
        options = {"kwargs": FIELDS, **options} if not args else options
        self.app.send_task("deskbell.send", args=args or None, queue=INTAKE, **options)
        [message] = self.sent()
        return message

    def signature(self, **options: Any) -> Any:
        return self.app.signature("deskbell.send", kwargs=FIELDS, queue=INTAKE, app=self.app, **options)

    def sent(self) -> list[dict[str, Any]]:
        with self.app.connection_for_write() as connection:
            channel = connection.default_channel
            return [json.loads(json.dumps(channel._get(INTAKE))) for _ in range(channel._size(INTAKE))]


@pytest.fixture
def sender() -> Iterator[Callable[..., Sender]]:
    yield Sender
    leftovers = Sender().sent()
    assert not leftovers


def read(message: dict[str, Any]) -> TaskMessage:
    """As it is read, and once more after Celery has put it back unacknowledged."""
    first = TaskMessage.read(message)
    again = TaskMessage.read(json.loads(json.dumps(first.as_celery_reads_it(INTAKE))))
    assert (again.id, again.fields) == (first.id, first.fields)
    return first


@pytest.mark.parametrize(
    ("protocol", "compression", "serializer"),
    list(product([1, 2], [None, "zlib", "gzip", "bzip2", "lzma", "xz", "brotli", "zstd"], ["json", "msgpack"])),
)
def test_every_packing_is_read(
    sender: Callable[..., Sender], protocol: int, compression: str | None, serializer: str
) -> None:
    settings = {"task_protocol": protocol, "task_compression": compression, "task_serializer": serializer}
    message = sender(**settings).send(task_id="t-1")
    assert dict(read(message).fields) == FIELDS
    assert read(message).id == "t-1"


@pytest.mark.parametrize("protocol", [1, 2])
@pytest.mark.parametrize(
    ("args", "fields"),
    [
        (("ou_ada", "x"), {"receiver_id": "ou_ada", "text": "x"}),
        (("ou_ada", "x", "k"), {"receiver_id": "ou_ada", "text": "x", "key": "k"}),
        (("ou_ada", {"msg_type": "text"}), {"receiver_id": "ou_ada", "message": {"msg_type": "text"}}),
    ],
)
def test_positional_arguments_are_receiver_text_and_key(
    sender: Callable[..., Sender], protocol: int, args: tuple[Any, ...], fields: dict[str, Any]
) -> None:
    one = sender(task_protocol=protocol)
    assert dict(read(one.send(*args)).fields) == fields
    both = one.send(*args, kwargs={"desk": "hr"})
    assert dict(read(both).fields) == {**fields, "desk": "hr"}


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        (("ou_ada", "x", "k", "more"), {}, "takes 3 positional arguments at most: receiver_id, text, key"),
        (("ou_ada",), FIELDS, "receiver_id: is given twice, by position and by name"),
        ((), {**FIELDS, "self": 1}, "self: is not a known field"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(
    sender: Callable[..., Sender], args: tuple[Any, ...], kwargs: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ForeignMessage, match=problem):
        TaskMessage.read(sender().send(*args, kwargs=kwargs))


NOON = datetime.datetime(2027, 3, 1, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize("protocol", [1, 2])
@pytest.mark.parametrize(
    ("given", "at"),
    [
        (NOON, "2027-03-01T12:00:00+00:00"),
        (NOON.astimezone(CHINA), "2027-03-01T20:00:00+08:00"),
        (NOON.isoformat(), "2027-03-01T12:00:00+00:00"),
        (NOON.replace(tzinfo=None), "2027-03-01T12:00:00+00:00"),
    ],
)
def test_eta_and_expires_are_those_of_the_notification(
    sender: Callable[..., Sender], protocol: int, given: Any, at: str
) -> None:
    message = sender(task_protocol=protocol).send(eta=given, expires=given)
    assert dict(read(message).fields) == {**FIELDS, "at": at, "expires": at}
    passed_on = filtered(message, INTAKE)
    assert not passed_on["headers"].keys() & {"eta", "expires"}, "or a worker would hold it in its memory"


def test_a_countdown_and_seconds_to_live_become_times(sender: Callable[..., Sender]) -> None:
    fields = read(sender().send(countdown=60, expires=90.5)).fields
    at, expires = (datetime.datetime.fromisoformat(fields[name]) for name in ("at", "expires"))
    assert expires - at == pytest.approx(datetime.timedelta(seconds=30.5), abs=datetime.timedelta(seconds=1))


def test_the_fields_of_the_notification_win_over_celerys_times(sender: Callable[..., Sender]) -> None:
    fields = {**FIELDS, "at": "2027-01-01T00:00Z", "expires": "3h"}
    assert dict(read(sender().send(kwargs=fields, eta=NOON, expires=NOON)).fields) == fields


def test_a_local_time_without_offset_of_a_sender_that_does_not_write_utc_is_refused(
    sender: Callable[..., Sender],
) -> None:
    message = sender(task_protocol=1, enable_utc=False, timezone="Asia/Shanghai").send(eta=NOON.replace(tzinfo=None))
    with pytest.raises(ForeignMessage, match="its eta has no offset"):
        TaskMessage.read(message)


def test_values_that_json_has_no_form_for_are_the_texts_that_they_are(sender: Callable[..., Sender]) -> None:
    id = uuid.uuid4()
    given = {"receiver_id": b"ou_ada", "text": decimal.Decimal("1.50"), "key": id, "at": NOON, "expires": NOON.date()}
    assert dict(read(sender().send(kwargs=given)).fields) == {
        "receiver_id": "ou_ada",
        "text": "1.50",
        "key": str(id),
        "at": "2027-03-01T12:00:00+00:00",
        "expires": "2027-03-01",
    }


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"x-somebodys": {"own": [1]}, "retries": 3}},
        {"priority": 9, "ignore_result": True, "shadow": "other name", "time_limit": 5, "soft_time_limit": 4},
        {"root_id": "r", "parent_id": "p", "group_id": "g", "reply_to": "q", "retries": 2},
        {"link_error": Sender().app.signature("somebody.failed")},
    ],
)
def test_what_celery_adds_does_not_matter(sender: Callable[..., Sender], options: dict[str, Any]) -> None:
    task = read(sender().send(**options))
    assert dict(task.fields) == FIELDS
    assert not task.follow_ups


def test_an_exchange_of_the_senders_own_is_not_needed_to_come_back_to_the_queue(sender: Callable[..., Sender]) -> None:
    message = sender().send()
    message["properties"]["delivery_info"] = {"exchange": "theirs", "routing_key": "a.b.#"}
    passed_on = TaskMessage.read(message).as_celery_reads_it(INTAKE)
    assert passed_on["properties"]["delivery_info"] == {"exchange": "", "routing_key": INTAKE}


def test_signatures_groups_and_the_end_of_a_chain_are_tasks_like_others(sender: Callable[..., Sender]) -> None:
    one = sender()
    one.signature().apply_async()
    group([one.signature(), one.signature(immutable=True)], app=one.app).apply_async()
    assert [dict(read(message).fields) for message in one.sent()] == [FIELDS] * 3


def test_what_should_run_afterwards_is_named(sender: Callable[..., Sender]) -> None:
    one = sender()
    other = one.app.signature("somebody.next", queue="theirs", app=one.app)
    chain(one.signature(), other, app=one.app).apply_async()
    one.app.send_task("deskbell.send", kwargs=FIELDS, queue=INTAKE, link=other)
    assert [read(message).follow_ups for message in one.sent()] == [("'somebody.next'",)] * 2


def test_a_task_of_a_chord_names_its_body() -> None:
    embedded = {"callbacks": None, "chain": None, "chord": {"task": "somebody.all_done", "args": []}}
    message = TaskMessage("t-1", {}, FIELDS).as_celery_reads_it(INTAKE)
    message["body"] = base64.b64encode(json.dumps([[], FIELDS, embedded]).encode()).decode()
    assert TaskMessage.read(message).follow_ups == ("'somebody.all_done'",)


@pytest.mark.parametrize("protocol", [1, 2])
@pytest.mark.parametrize(
    ("serializer", "problem"), [("pickle", "a pickle, which could run code"), ("yaml", "YAML, which could run code")]
)
def test_pickles_and_yaml_are_not_loaded(
    sender: Callable[..., Sender], protocol: int, serializer: str, problem: str
) -> None:
    with pytest.raises(ForeignMessage, match=problem):
        TaskMessage.read(sender(task_protocol=protocol, task_serializer=serializer).send())


def test_a_serializer_of_the_senders_own_is_not_known(sender: Callable[..., Sender]) -> None:
    register("theirs", json.dumps, json.loads, "application/x-theirs", "utf-8")
    try:
        message = sender(task_serializer="theirs").send()
    finally:
        unregister("theirs")
    with pytest.raises(ForeignMessage, match="neither JSON nor msgpack"):
        TaskMessage.read(message)


BOMBS = {
    "application/x-gzip": zlib.compress,
    "application/x-bz2": bz2.compress,
    "application/x-lzma": lzma.compress,
    "application/x-brotli": lambda data: brotli.compress(data, quality=1),
    "application/zstd": zstd.compress,
}


@pytest.mark.parametrize("kind", few(BOMBS, one_in=4))
def test_what_unpacks_to_too_much_is_refused_with_little_memory(kind: str) -> None:
    bomb = BOMBS[kind](bytes(64 * 1024 * 1024))
    message = TaskMessage("t-1", {}, FIELDS).as_celery_reads_it(INTAKE)
    message["body"], message["headers"]["compression"] = base64.b64encode(bomb).decode(), kind
    tracemalloc.start()
    try:
        with pytest.raises(ForeignMessage, match="unpacks to more than 4,194,304 bytes"):
            TaskMessage.read(message)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * MOST_BYTES


@pytest.mark.parametrize("kind", [*BOMBS, "application/x-nobody-knows", 5, ["a"]])
def test_what_is_not_packed_as_it_says_is_refused(kind: Any) -> None:
    message = TaskMessage("t-1", {}, FIELDS).as_celery_reads_it(INTAKE)
    message["headers"]["compression"] = kind
    with pytest.raises(ForeignMessage, match=r"cannot be unpacked|compressed in an unknown way"):
        TaskMessage.read(message)


def test_a_body_of_more_than_is_read_is_refused(sender: Callable[..., Sender]) -> None:
    with pytest.raises(ForeignMessage, match="more than 4,194,304 bytes"):
        TaskMessage.read(sender().send(kwargs={**FIELDS, "text": "x" * (MOST_BYTES + 1)}))


def test_the_headers_that_are_told_repeat_no_body(sender: Callable[..., Sender]) -> None:
    message = sender().send(
        "ou_ada", MARKER, task_id="t-1", priority=7, compression="zlib", headers={"their": MARKER}, eta=NOON
    )
    told = told_headers(message)
    assert MARKER in json.dumps(message["headers"])
    assert MARKER not in json.dumps(told)
    expected = {
        "task": "deskbell.send",
        "id": "t-1",
        "lang": "py",
        "compression": "application/x-gzip",
        "priority": "7",
    }
    assert expected.items() <= told.items()
    assert told["eta"] == NOON.isoformat()


@pytest.mark.parametrize("message", [None, 5, [], {}, {"headers": 5, "properties": []}, {"headers": {"id": "\x1b[2J"}}])
def test_whatever_it_is_its_headers_can_be_told(message: Any) -> None:
    assert all(text.isprintable() for text in told_headers(message).values())


def test_the_repr_of_a_task_has_no_message() -> None:
    assert MARKER not in repr(TaskMessage("t-1", {}, {"text": MARKER}))
