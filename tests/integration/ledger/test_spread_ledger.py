"""Two servers as one ledger: everything that reads or writes finds the server of its desk, or looks on both."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.addresses import Contact
from ledger.allowance import Allowance
from ledger.announcement import Spec
from ledger.api_key import KeyLimits, Scope
from ledger.api_keys import ApiKeys
from ledger.audit_log import actions_before, all_actions, recent_actions, record_action
from ledger.connection import reachable
from ledger.dead_letters import DeadLetters
from ledger.desk_status import desk_statuses
from ledger.dropped_messages import DroppedMessages, see_on, summary_of
from ledger.embedded import EmbeddedValkey
from ledger.errors import KeyLimit, LedgerUnreachable, NotDurable, NotFound
from ledger.full_search import Finding, Sought
from ledger.ids import new_notification_id
from ledger.leases import Leases, Result
from ledger.ledger import AcceptResult, Ledger
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.quarters import Quarters
from ledger.record import Accepted, Record
from ledger.rescheduling import reschedule
from ledger.saved_templates import SavedTemplates
from ledger.search import Search
from ledger.settings import Settings
from ledger.settling import Settling
from ledger.spread_ledger import open_ledgers
from ledger.spread_overview import overview_of
from ledger.states import Resolution, State
from ledger.unresolved import forget_people
from producers.announcements.drafts import Drafts
from producers.doctor.diagnosis import check_servers
from producers.web.group_commit import GroupCommit

DESKS = ("default", "hr")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("servers")
    second = EmbeddedValkey(Settings(data_dir=folder / "second", _env_file=None))
    desks = folder / "desks.toml"
    desks.write_text(f'[desk.hr]\napp_id = "a"\nredis = "unix://{second.socket_path}"\n', "utf-8")
    settings = Settings(data_dir=folder / "home", desks=desks, _env_file=None)
    with EmbeddedValkey(settings), second:
        yield settings


@pytest.fixture
def ledger(servers: Settings) -> Iterator[Ledger]:
    ledger = open_ledgers(servers)
    for server in ledger.servers:
        server.redis.flushall()
    yield ledger
    ledger.close()


def notification(desk: str, receiver: str = "ou_ann", **fields: object) -> Notification:
    return Notification.build({"receiver_id": receiver, "text": "hello", "desk": desk, **fields})


def accepted(ledger: Ledger, number: int) -> list[str]:
    """By turns at both desks, the oldest first."""
    return [ledger.accept([notification(DESKS[n % 2], f"ou_{n}")])[0].id for n in range(number)]


def settle(ledger: Ledger, id: str, to: State) -> None:
    """Has a worker take and record it."""
    server = ledger.with_record(id)
    desk = server.settings.desk(server.get(id).notification.desk)
    leases = Leases(server.redis, server.settings, longest_call_ms=25_000)
    leases.lead("pacer", 5000)
    leases.release([(desk, 9, 9)])
    leases.claim(desk, "token", [id])
    assert leases.record(desk, "token", [Result(id, to)], "up") == [True]


def test_one_server_is_an_ordinary_ledger(servers: Settings) -> None:
    ledger = open_ledgers(Settings(data_dir=servers.data_dir, _env_file=None))
    assert type(ledger) is Ledger
    assert ledger.servers == (ledger,)
    assert ledger.at("default") is ledger.with_record("n_x") is ledger.home is ledger
    ledger.close()


def test_each_record_is_on_the_server_of_its_desk_alone(ledger: Ledger) -> None:
    home, other = ledger.servers
    ids = [result.id for result in ledger.accept_each([notification(desk) for desk in DESKS])]  # type: ignore[union-attr]
    assert [server.get_known(ids)[0].id for server in (home, other)] == ids
    assert [record.id for record in ledger.get_many(ids[::-1])] == ids[::-1]
    assert ledger.counts("hr")[State.QUEUED] == other.counts("hr")[State.QUEUED] == 1
    with pytest.raises(NotFound):
        ledger.get(new_notification_id())


@pytest.mark.parametrize("key", ["new", "used"])
def test_what_keeps_one_server_from_answering_is_raised_unless_another_has_accepted(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    def away(_: object) -> list[AcceptResult]:
        raise NotDurable("not confirmed")

    ledger.accept([notification("default", key="used")])
    monkeypatch.setattr(ledger.servers[1], "accept_each", away)
    commit = GroupCommit(ledger)
    request = [notification("default", "ou_bob", key=key), notification("hr")]
    try:
        if key == "used":
            with pytest.raises(NotDurable):
                asyncio.run(commit.accept(request))
        else:
            assert [type(each) for each in asyncio.run(commit.accept(request))] == [Accepted, NotDurable]
    finally:
        commit.close()


def test_a_key_is_one_notification_wherever_its_desk_is(ledger: Ledger) -> None:
    first, again = (ledger.accept([notification("hr", key="k")])[0] for _ in range(2))
    assert (again.id, again.duplicate) == (first.id, True)
    assert ledger.is_known("hr", "k")
    assert not ledger.is_known("default", "k")


def test_pages_of_a_search_go_on_over_both(ledger: Ledger) -> None:
    ids = accepted(ledger, 9)
    search, found, cursor = Search(), [], None
    while True:
        page = search.page(ledger, 2, cursor)
        found += [record.id for record in page.records]
        if (cursor := page.next) is None:
            break
    assert found == [record.id for record in ledger.events()]
    assert sorted(found) == sorted(ids)
    times = [ledger.get(id).created_ms for id in found]
    assert times == sorted(times, reverse=True)
    of_hr = Search(desks=frozenset({"hr"})).page(ledger, 9).records
    assert [record.notification.desk for record in of_hr] == ["hr"] * 4
    keyed = ledger.accept([notification("hr", key="k")])[0].id
    assert [record.id for record in Search(key="k").page(ledger, 9).records] == [keyed]


def test_what_people_look_for_is_found_on_both(ledger: Ledger) -> None:
    accepted(ledger, 4)
    announced(ledger, "hr", ["ou_7", "ou_8"])
    found = Finding(ledger, Sought.of("ou_")).page()
    receivers = sorted(str(record.notification.receiver_id) for record in found.records)
    assert receivers == [f"ou_{n}" for n in (0, 1, 2, 3, 7, 8)]
    assert found.reach() == {"rows": 2, "of_rows": 2, "events": 4, "of_events": 4}


def announced(ledger: Ledger, desk: str, receivers: list[str]) -> str:
    spec = Spec(name="Move", message={"msg_type": "text", "content": {"text": "hi"}}, desk=desk)
    opened = ledger.announcements.open(spec, key="", digest="d")
    rows = (f'[{number + 2},"{receiver}",[]]'.encode() for number, receiver in enumerate(receivers))
    ledger.announcements.load(opened.id, rows)
    ledger.announcements.start(opened.id, spec, len(receivers), "ann")
    return opened.id


def test_announcements_are_listed_together_and_steered_apart(ledger: Ledger) -> None:
    ids = []
    for desk in DESKS * 2:
        ids.append(announced(ledger, desk, ["ou_1", "ou_2"]))
        time.sleep(0.002)  # starts of one ms have no order
    assert ledger.announcements.ids() == ids[::-1]
    assert ledger.announcements.ids(3) == ids[:0:-1]
    assert [each.id for each in ledger.announcements.newest()] == ids[::-1]
    assert [each.id for each in ledger.announcements.several(ids)] == ids
    assert ledger.announcements.pause(ids[1], "ann") == "paused"
    assert ledger.announcements.get(ids[1]).state == "paused"
    assert len(list(ledger.announcements.rows(ids[3]))) == 2
    assert ledger.get(f"n_{ids[3][2:]}-1").notification.receiver_id == "ou_2"
    assert ledger.announcements.cancel(ids[3], "ann") == "cancelled"
    assert [act.did for act in all_actions(ledger)] == ["announce"] * 4 + ["pause", "cancel"]


def test_the_audit_log_is_read_as_one(ledger: Ledger) -> None:
    for number in range(5):
        record_action(ledger.servers[number % 2], "ann", f"act {number}")
        time.sleep(0.002)  # acts of one ms have no order
    assert [act.did for act in all_actions(ledger)] == [f"act {n}" for n in range(5)]
    assert [act.did for act in recent_actions(ledger, 2)] == ["act 4", "act 3"]
    page, cursor = actions_before(ledger, None, 3)
    record_action(ledger.servers[1], "ann", "act 5")
    rest, end = actions_before(ledger, cursor, 3)
    assert [act.did for act in page + rest] == [f"act {n}" for n in (4, 3, 2, 1, 0)]
    assert end is None


def test_operators_act_on_either(ledger: Ledger) -> None:
    ids = accepted(ledger, 2)
    assert ledger.cancel(ids, "ann") == [State.CANCELLED] * 2
    later = [ledger.accept([notification(desk, at=datetime.now(UTC) + timedelta(hours=1))])[0].id for desk in DESKS]
    for id in later:
        reschedule(ledger, id, datetime.now(UTC) + timedelta(hours=2), "ann")
        assert ledger.get(id).progress.acts[-1][2] == "reschedule"
    assert not ledger.resume_desk("hr", "ann")


def test_dead_letters_of_both_are_sent_again(ledger: Ledger) -> None:
    ids = accepted(ledger, 4)
    for id in ids:
        settle(ledger, id, State.FAILED)
    assert sorted(record.id for record in DeadLetters().find(ledger) if isinstance(record, Record)) == sorted(ids)
    assert sorted(DeadLetters(desk="hr").retry(ledger, "ann")) == sorted(ids[1::2])
    assert sorted(DeadLetters().retry(ledger, "ann")) == sorted(ids[::2])
    assert ledger.counts("hr")[State.QUEUED] == ledger.counts()[State.QUEUED] == 2


def test_settlements_of_both_desks_are_decided_and_taken_back(ledger: Ledger) -> None:
    settling = Settling(ledger)
    ids = accepted(ledger, 2)
    for id in ids:
        settle(ledger, id, State.UNKNOWN)
    assert settling.decide(ids, "ann", Resolution.DELIVERED) == 2
    pending = settling.pending(DESKS)
    assert [each.desk for each in pending] == list(DESKS)
    assert all(settling.undo(each, "ann") for each in pending)
    assert settling.pending(DESKS) == []
    assert ledger.resolve(ids, "ann", Resolution.DELIVERED) == [State.DELIVERED] * 2


def test_a_template_is_with_its_desk(ledger: Ledger) -> None:
    templates = SavedTemplates(ledger)
    message = {"msg_type": "text", "content": {"text": "Dear {{ name }}"}}
    templates.save("hr", "move", message, None, "ann")
    assert templates.find("hr", "move").version == 1
    assert list(templates.names("default")) == []
    assert SavedTemplates(ledger.servers[1]).names("hr") == ["move"]
    templates.note_sent("hr", "move", frozenset({"name"}))
    templates.delete("hr", "move", "ann")


def test_a_day_of_a_key_is_counted_once_for_all_servers(ledger: Ledger) -> None:
    keys = ApiKeys(ledger)
    key, _ = keys.create("few", frozenset({Scope.SEND}), None, None, "ann", KeyLimits(daily=3))
    for store in (ledger, *ledger.servers):
        Allowance(store, key).take(1)
    with pytest.raises(KeyLimit):
        Allowance(ledger.servers[1], key).take(1)


def test_statuses_charts_and_the_overview_are_of_all_desks(ledger: Ledger) -> None:
    accepted(ledger, 3)
    desks = [ledger.settings.desk(name) for name in ("hr", "default")]
    waiting = [(status.name, status.lanes[0].waiting) for status in desk_statuses(ledger, desks)]
    assert waiting == [("hr", 1), ("default", 2)]
    assert Quarters(ledger).read(["hr", "default"]).keys() == {"hr", "default"}
    overview = overview_of(ledger)
    for snapshot in (overview.survey(), overview.glance(), overview.glance()):
        assert snapshot.desks.keys() == set(DESKS)
        assert not snapshot.away
    assert snapshot.as_json()["events_at_rest"] == {"failed": 0, "unknown": 0}


def test_dropped_messages_of_both_are_told_and_seen(ledger: Ledger) -> None:
    for server in ledger.servers:
        DroppedMessages(server.redis, server.keys).note(Phrase("no such task"), "deskbell.intake", {})
    found = summary_of(ledger.servers)
    assert (found.total, found.unseen, len(found.latest)) == (2, 2, 2)
    see_on(ledger.servers, found.total)
    assert summary_of(ledger.servers).unseen == 0
    DroppedMessages(ledger.redis, ledger.keys).note(Phrase("no such task"), "deskbell.intake", {})
    see_on(ledger.servers, found.total)  # a page from before
    assert summary_of(ledger.servers).unseen >= 1


def test_a_look_leaves_no_more_unseen_on_a_server_than_were_dropped_there(ledger: Ledger) -> None:
    home, other = (DroppedMessages(server.redis, server.keys) for server in ledger.servers)
    for messages, number in ((home, 4), (other, 1)):
        for _ in range(number):
            messages.note(Phrase("no output"), "q", {})
    see_on(ledger.servers, 2)  # 3 of the 5 came since then: each may be on either server
    assert [messages.summary().unseen for messages in (home, other)] == [3, 1]


def test_the_server_of_an_id_is_found_while_another_thread_forgets_all(ledger: Ledger) -> None:
    [id] = accepted(ledger, 1)
    home = ledger.with_record(id)

    class Forgetting(dict[str, Ledger]):
        """Forgets all between any two looks."""

        def __contains__(self, key: object) -> bool:
            return super().__contains__(key) and not self.clear()

    ledger._known = Forgetting({id: home})  # type: ignore[attr-defined]
    assert ledger.with_record(id) is home


def test_the_desks_file_is_read_once_for_all_servers(servers: Settings, tmp_path: Path) -> None:
    file = tmp_path / "desks.toml"
    file.write_bytes(Path(str(servers.desks)).read_bytes())
    settings = servers.model_copy(update={"desks": file})
    assert settings.redis == settings.placement.home
    file.unlink()
    home, other = settings.servers
    assert home is settings
    assert [list(server.desks_here) for server in (home, other)] == [["default"], ["hr"]]


def test_doctor_looks_at_all_servers_when_the_home_takes_nothing_new(ledger: Ledger) -> None:
    home = ledger.servers[0].redis
    home.config_set("maxmemory", 1)
    try:
        checks, reached = check_servers(ledger)
    finally:
        home.config_set("maxmemory", 0)
    assert reached == list(ledger.servers)
    assert {"redis", f"redis {ledger.servers[1].settings.redis}"} <= {check.name for check in checks}


def test_a_draft_is_approved_by_a_key_of_the_home(ledger: Ledger, tmp_path: Path) -> None:
    settings = ledger.settings.model_copy(update={"approval_above": 1})
    strict = open_ledgers(settings)
    strict_keys = ApiKeys(strict)
    key, _ = strict_keys.create("boss", frozenset({Scope.APPROVE}), None, None, "ann")
    assert key.id.encode() in strict.at("hr").announcements.approval("hr")[1]
    assert key.id.encode() not in strict.at("default").announcements.approval("default")[1]
    strict_keys.revoke(key.id, "ann")
    assert key.id.encode() not in strict.at("hr").announcements.approval("hr")[1]
    assert list(Drafts(strict).listed()) == []
    strict.close()


def test_people_are_forgotten_where_they_are_known(ledger: Ledger) -> None:
    contact = Contact.read("email", "ann@acme.example")
    assert contact is not None
    for server in ledger.servers:
        server.redis.set(server.keys.person("app", contact.digest), "{}")
        forget_people(server, "app", (), [contact])
        assert not server.redis.exists(server.keys.person("app", contact.digest))


def test_the_error_of_a_server_names_it(servers: Settings) -> None:
    away = servers.model_copy(update={"desks": servers.data_dir / "away.toml"})
    assert away.desks is not None
    away.desks.write_text('[desk.hr]\nredis = "redis://127.0.0.1:1/0"\n', "utf-8")
    ledger = open_ledgers(away)
    with (
        pytest.raises(LedgerUnreachable, match=r"Redis at redis://127\.0\.0\.1:1/0 is not reached.*it has hr"),
        reachable(away),
    ):
        ledger.accept([notification("hr")])
    id = ledger.accept([notification("default")])[0].id
    assert ledger.get(id).id == id
    [server] = overview_of(ledger).survey().away
    assert server.desks == ("hr",)
    assert "nothing is accepted or sent for hr" in server.condition.found
    ledger.close()
