"""The JSON of records, byte for byte: callbacks, `--json` and the HTTP API have it, and others rely on it."""

from datetime import UTC, datetime

import orjson
import pytest
from pydantic import TypeAdapter

from ledger.announcement import Announcement, AnnouncementJson, Spec
from ledger.delivery_options import ReceiveType
from ledger.notification import Notification
from ledger.progress import Attempt, Progress
from ledger.record import Accepted, NotificationJson, Record
from ledger.states import AnnouncementState, Outcome, State

__all__: list[str] = []

AT_MS = 1_795_351_195_179
NOTIFICATION = Notification.build({"receiver_id": "ou_ada", "text": "hi", "key": "k"})
UNTIL = NOTIFICATION.model_copy(update={"expires_at": datetime(2030, 1, 1, tzinfo=UTC)})
REROUTED = (
    Attempt(AT_MS, ReceiveType.CHAT, Outcome.TICKET_OPEN, 154405, 200, "log-1", 12, None, "no"),
    Attempt(AT_MS + 5, ReceiveType.USER, Outcome.DELIVERED, 0, 200, "log-2", 15, "om_1"),
)
CUT = Attempt(AT_MS, ReceiveType.CHAT, Outcome.UNKNOWN, ms=20_000, msg="no answer")
REFUSED = Attempt(AT_MS, ReceiveType.CHAT, Outcome.REFUSED, 155003, 400, "log-3", 9, None, "no such user")
SPEC = Spec(
    name="Move", message={"msg_type": "text", "content": {"text": "hi"}}, expires_at=datetime(2030, 1, 1, tzinfo=UTC)
)
COUNTS = dict.fromkeys(State, 0)


def announcement(state: AnnouncementState, counts: dict[State, int], **more: object) -> Announcement:
    total = sum(counts.values())
    given = {"finished_ms": None, "acts": (), "rerouted": 0, "rate_per_second": 0.0, "eta_seconds": None} | more
    return Announcement("a_1", SPEC, state, total, COUNTS | counts, AT_MS, **given)  # type: ignore[arg-type]


RECORDS = {
    "queued": Record("n_1", NOTIFICATION, Progress(State.QUEUED, AT_MS), AT_MS),
    "rerouted": Record("n_1", NOTIFICATION, Progress(State.QUEUED, AT_MS, via=ReceiveType.USER), AT_MS),
    "deferred": Record("a_1-0", UNTIL, Progress(State.DEFERRED, AT_MS, due_ms=AT_MS + 9), AT_MS, "a_1"),
    "delivered": Record("n_1", NOTIFICATION, Progress(State.DELIVERED, AT_MS + 5, REROUTED), AT_MS),
    "failed": Record("n_1", UNTIL, Progress(State.FAILED, AT_MS, (REFUSED,), ((AT_MS, "ada", "retry"),)), AT_MS),
    "unknown": Record("n_1", NOTIFICATION, Progress(State.UNKNOWN, AT_MS, (CUT,)), AT_MS),
    "expired": Record("n_1", UNTIL, Progress(State.EXPIRED, AT_MS), AT_MS),
    "damaged": Record("n_1", NOTIFICATION, Progress(State.UNKNOWN, AT_MS), AT_MS, damage="its record is damaged"),
}
ANNOUNCEMENTS = {
    "running": announcement(
        AnnouncementState.RUNNING,
        {State.QUEUED: 1, State.DELIVERED: 2},
        rerouted=1,
        rate_per_second=0.5,
        eta_seconds=2.4,
    ),
    "finished": announcement(
        AnnouncementState.FINISHED,
        {State.DELIVERED: 2, State.FAILED: 1},
        finished_ms=AT_MS + 9,
        acts=((AT_MS, "ada", "pause"),),
    ),
    "damaged": announcement(AnnouncementState.PAUSED, {State.UNKNOWN: 1}, damage="its record is damaged"),
}

#: As it was before the shapes had types of their own.
JSON = {
    "queued": (
        '{"id":"n_1","state":"queued","desk":"default","receiver_id":"ou_ada","email":null,"mobile":null,"receive_typ'
        'e":"chat","user_id_type":"open_id","msg_type":"text","via":null,"message_id":null,"attempts":[],"acts":[],"e'
        'rror":null,"announcement":null,"key":"k","created_at":"2026-11-22T12:39:55.179Z","due_at":null,"expires_at":'
        'null,"finished_at":null}'
    ),
    "rerouted": (
        '{"id":"n_1","state":"queued","desk":"default","receiver_id":"ou_ada","email":null,"mobile":null,"receive_typ'
        'e":"chat","user_id_type":"open_id","msg_type":"text","via":"user","message_id":null,"attempts":[],"acts":[],'
        '"error":null,"announcement":null,"key":"k","created_at":"2026-11-22T12:39:55.179Z","due_at":null,"expires_at'
        '":null,"finished_at":null}'
    ),
    "deferred": (
        '{"id":"a_1-0","state":"deferred","desk":"default","receiver_id":"ou_ada","email":null,"mobile":null,"receive'
        '_type":"chat","user_id_type":"open_id","msg_type":"text","via":null,"message_id":null,"attempts":[],"acts":['
        '],"error":null,"announcement":"a_1","key":"k","created_at":"2026-11-22T12:39:55.179Z","due_at":"2026-11-22T1'
        '2:39:55.188Z","expires_at":"2030-01-01T00:00:00.000Z","finished_at":null}'
    ),
    "delivered": (
        '{"id":"n_1","state":"delivered","desk":"default","receiver_id":"ou_ada","email":null,"mobile":null,"receive_'
        'type":"chat","user_id_type":"open_id","msg_type":"text","via":"user","message_id":"om_1","attempts":[{"at":"'
        '2026-11-22T12:39:55.179Z","via":"chat","outcome":"ticket_open","code":154405,"http_status":200,"log_id":"log'
        '-1","ms":12,"msg":"no"},{"at":"2026-11-22T12:39:55.184Z","via":"user","outcome":"delivered","code":0,"http_s'
        'tatus":200,"log_id":"log-2","ms":15,"msg":null}],"acts":[],"error":null,"announcement":null,"key":"k","creat'
        'ed_at":"2026-11-22T12:39:55.179Z","due_at":null,"expires_at":null,"finished_at":"2026-11-22T12:39:55.184Z"}'
    ),
    "failed": (
        '{"id":"n_1","state":"failed","desk":"default","receiver_id":"ou_ada","email":null,"mobile":null,"receive_typ'
        'e":"chat","user_id_type":"open_id","msg_type":"text","via":"chat","message_id":null,"attempts":[{"at":"2026-'
        '11-22T12:39:55.179Z","via":"chat","outcome":"refused","code":155003,"http_status":400,"log_id":"log-3","ms":'
        '9,"msg":"no such user"}],"acts":[{"at":"2026-11-22T12:39:55.179Z","by":"ada","did":"retry"}],"error":{"code"'
        ':155003,"msg":"no such user","reason":null},"announcement":null,"key":"k","created_at":"2026-11-22T12:39:55.'
        '179Z","due_at":null,"expires_at":"2030-01-01T00:00:00.000Z","finished_at":"2026-11-22T12:39:55.179Z"}'
    ),
    "unknown": (
        '{"id":"n_1","state":"unknown","desk":"default","receiver_id":"ou_ada","email":null,"mobile":null,"receive_ty'
        'pe":"chat","user_id_type":"open_id","msg_type":"text","via":"chat","message_id":null,"attempts":[{"at":"2026'
        '-11-22T12:39:55.179Z","via":"chat","outcome":"unknown","code":null,"http_status":null,"log_id":null,"ms":200'
        '00,"msg":"no answer"}],"acts":[],"error":{"code":null,"msg":"no answer","reason":null},"announcement":null,"'
        'key":"k","created_at":"2026-11-22T12:39:55.179Z","due_at":null,"expires_at":null,"finished_at":null}'
    ),
    "expired": (
        '{"id":"n_1","state":"expired","desk":"default","receiver_id":"ou_ada","email":null,"mobile":null,"receive_ty'
        'pe":"chat","user_id_type":"open_id","msg_type":"text","via":null,"message_id":null,"attempts":[],"acts":[],"'
        'error":null,"announcement":null,"key":"k","created_at":"2026-11-22T12:39:55.179Z","due_at":null,"expires_at"'
        ':"2030-01-01T00:00:00.000Z","finished_at":"2026-11-22T12:39:55.179Z"}'
    ),
    "damaged": (
        '{"id":"n_1","state":"unknown","desk":"default","receiver_id":"ou_ada","email":null,"mobile":null,"receive_ty'
        'pe":"chat","user_id_type":"open_id","msg_type":"text","via":null,"message_id":null,"attempts":[],"acts":[],"'
        'error":null,"announcement":null,"key":"k","created_at":"2026-11-22T12:39:55.179Z","due_at":null,"expires_at"'
        ':null,"finished_at":null,"damaged":"its record is damaged"}'
    ),
    "announcement running": (
        '{"id":"a_1","name":"Move","desk":"default","state":"running","paused_by":null,"ended":null,"total":3,"counts'
        '":{"queued":1,"delivered":2},"rerouted":1,"rate":30.0,"eta_seconds":2,"weight":1,"first":null,"stop_at":null'
        ',"acts":[],"created_at":"2026-11-22T12:39:55.179Z","due_at":null,"expires_at":"2030-01-01T00:00:00.000Z","fi'
        'nished_at":null}'
    ),
    "announcement finished": (
        '{"id":"a_1","name":"Move","desk":"default","state":"finished","paused_by":null,"ended":"partial","total":3,"'
        'counts":{"delivered":2,"failed":1},"rerouted":0,"rate":0.0,"eta_seconds":null,"weight":1,"first":null,"stop_'
        'at":null,"acts":[{"at":"2026-11-22T12:39:55.179Z","by":"ada","did":"pause"}],"created_at":"2026-11-22T12:39:'
        '55.179Z","due_at":null,"expires_at":"2030-01-01T00:00:00.000Z","finished_at":"2026-11-22T12:39:55.188Z"}'
    ),
    "announcement damaged": (
        '{"id":"a_1","name":"Move","desk":"default","state":"paused","paused_by":null,"ended":null,"total":1,"counts"'
        ':{"unknown":1},"rerouted":0,"rate":0.0,"eta_seconds":null,"weight":1,"first":null,"stop_at":null,"acts":[],"'
        'created_at":"2026-11-22T12:39:55.179Z","due_at":null,"expires_at":"2030-01-01T00:00:00.000Z","finished_at":n'
        'ull,"damaged":"its record is damaged"}'
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_the_json_of_a_notification_is_the_same_to_the_byte(name: str) -> None:
    assert orjson.dumps(RECORDS[name].as_json()).decode() == JSON[name]


@pytest.mark.parametrize("name", ANNOUNCEMENTS)
def test_the_json_of_an_announcement_is_the_same_to_the_byte(name: str) -> None:
    told = orjson.dumps(ANNOUNCEMENTS[name].as_json(), option=orjson.OPT_NON_STR_KEYS)
    assert told.decode() == JSON[f"announcement {name}"]


@pytest.mark.parametrize("name", JSON)
def test_what_goes_out_is_of_the_shape_that_it_is_said_to_have(name: str) -> None:
    shape = AnnouncementJson if name.startswith("announcement") else NotificationJson
    read = TypeAdapter(shape).validate_json(JSON[name])
    assert orjson.loads(orjson.dumps(read, option=orjson.OPT_NON_STR_KEYS)) == orjson.loads(JSON[name])


def test_the_json_of_what_was_accepted_is_the_same_to_the_byte() -> None:
    told = orjson.dumps(Accepted("n_1", duplicate=False, state=State.QUEUED).as_json())
    assert told == b'{"id":"n_1","state":"queued","duplicate":false}'


def test_whoever_only_reads_is_told_no_address() -> None:
    given = Notification.build({"email": "ann@corp.example", "text": "hi", "key": "alert/ann@corp.example"})
    record = Record("n_1", given.model_copy(update={"receiver_id": "ou_ann"}), Progress(State.DELIVERED, AT_MS), AT_MS)
    assert record.as_json()["email"] == "ann@corp.example"
    hidden = record.as_json(with_address=False)
    assert (hidden["receiver_id"], hidden["email"], hidden["key"]) == ("ou_ann", None, "alert/…")
    assert "ann@corp.example" not in str(hidden)
