"""What the pages show and do, over a real ledger and without a browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import requests

from ledger import row_search
from ledger.announcement import Spec
from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.audit_log import recent_actions
from ledger.dropped_messages import DroppedMessages
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.states import AnnouncementState, State
from tests.acceptance.installation import eventually
from tests.browser.scenery import CARD, Scenery
from tests.integration.console.console_visitor import Visitor
from tests.integration.producers.cli.announcing_desk import people
from tests.integration.producers.web.serving import serving

__all__: list[str] = []

#: What a page has beside its text is files with an address of their own.
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)")


@pytest.fixture
def ledger(scenery: Scenery) -> Ledger:
    return scenery.ledger


@pytest.fixture
def url(scenery: Scenery) -> Iterator[str]:
    with serving(scenery.ledger.settings) as served:
        yield served


@pytest.fixture
def reader(url: str, scenery: Scenery) -> Visitor:
    return Visitor(url).sign_in(scenery.reader)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_every_page_is_there_in_every_language_and_has_nothing_inline(
    url: str, scenery: Scenery, language: str
) -> None:
    visitor = Visitor(url, language).sign_in(scenery.operator)
    [event, *_] = scenery.ledger.events()
    move = scenery.move
    for path in (
        *("/", "/announcements", f"/announcements/{move}", f"/announcements/{move}/rows", "/announcements/new"),
        *("/notifications", f"/notifications/{event.id}", f"/notifications/n_{move[2:]}-0", "/needs", "/hooks"),
    ):
        page = visitor.look(path)
        assert f'<html lang="{language}"' in page
        assert not INLINE.search(visitor.page.text), path
        assert len(visitor.page.content) < 60_000, path


def test_the_runbook_is_there_in_every_language_with_the_same_anchors(url: str, scenery: Scenery) -> None:
    english, chinese = (Visitor(url, each).sign_in(scenery.operator).look("/runbook") for each in ("en", "zh-CN"))
    anchors = re.findall(r'<h2 id="([\w-]+)">', english)
    assert len(anchors) > 20
    assert re.findall(r'<h2 id="([\w-]+)">', chinese) == anchors
    assert '<h2 id="deskheld">DeskHeld：服务台停发</h2>' in chinese
    assert "简体中文</p>" not in english + chinese  # the console has a switch of its own


def test_a_damaged_record_is_shown_as_damaged_and_every_page_is_there(
    operator: Visitor, ledger: Ledger, scenery: Scenery, url: str
) -> None:
    [first, second, *_] = ledger.events()
    move = scenery.move
    for key, field in (
        (ledger.keys.notification(first.id), "progress"),
        (ledger.keys.notification(second.id), "input"),
        (ledger.keys.rows(move), "1"),
    ):
        ledger.redis.hset(key, field, "{")
    # As bytes: rows whose turn never came have no progress of their own.
    ledger.redis.hset(ledger.keys.rows(move), "0+", "{")
    damaged = (first.id, second.id, f"n_{move[2:]}-0", f"n_{move[2:]}-1")
    pages = ("/", "/announcements", f"/announcements/{move}", f"/announcements/{move}/rows", "/notifications", "/needs")
    for path in pages:
        operator.look(path)
    for id in damaged:
        assert "its record is damaged" in operator.look(f"/notifications/{id}")

    asked = {"headers": {"Authorization": f"Bearer {scenery.operator}"}, "timeout": 60}
    listed = requests.get(f"{url}/v1/notifications", **asked).json()["notifications"]
    assert {each["id"] for each in listed if "damaged" in each} >= set(damaged[:2])
    assert requests.get(f"{url}/v1/announcements/{move}/results?format=csv", **asked).status_code == 200

    ledger.redis.hset(ledger.keys.lane(move), "spec", "{")
    for path in pages:
        operator.look(path)
    assert requests.get(f"{url}/v1/announcements", **asked).status_code == 200


def test_now_tells_holds_lanes_and_workers(operator: Visitor) -> None:
    page = operator.look("/")
    assert "held: credentials" in page
    assert "the helpdesk or app credentials were not accepted together" in page
    assert re.search(r"Office move</a>\s*</td>\s*<td class=\"number\">609</td>", page)
    assert "32 threads" in page


def test_an_announcement_tells_its_counts_and_what_its_failures_mean(operator: Visitor, scenery: Scenery) -> None:
    page = operator.look(f"/announcements/{scenery.move}")
    for count in ("500</b> delivered", "43</b> rerouted", "45</b> failed", "3</b> maybe sent", "609</b> queued"):
        assert count in page
    assert "The helpdesk cannot find the receiver" in page
    assert "Dear <b>Person 0</b>, your new desk is <b>6-000</b>." in page


def test_messages_are_hidden_from_who_may_only_read(reader: Visitor, scenery: Scenery, ledger: Ledger) -> None:
    [event, *_] = ledger.events()
    for path in (
        f"/announcements/{scenery.move}",
        f"/notifications/{event.id}",
        f"/notifications/n_{scenery.move[2:]}-0",
    ):
        page = reader.look(path)
        assert "Messages are visible only to keys with the scope operate." in page
        assert "Disk full" not in page
        assert "your new desk" not in page


# -- rows


def test_rows_are_found_by_state_and_receiver_and_the_page_says_what_it_searched(
    operator: Visitor, scenery: Scenery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_search, "READ", 500)
    rows = f"/announcements/{scenery.move}/rows"
    assert operator.look(f"{rows}?state=failed").count("/notifications/n_") == 45
    waiting = operator.look(f"{rows}?state=queued")
    assert "Searched rows 592 to 641 of 1,200." in waiting
    one = operator.look(f"{rows}?receiver=ou_{400:032x}")
    assert one.count("/notifications/n_") == 1
    assert "Searched rows 1 to 500 of 1,200." in one
    assert 'from=500">Search further' in one
    last = operator.look(f"{rows}?receiver=ou_{1_199:032x}&from=1000")
    assert "Searched rows 1,001 to 1,200 of 1,200." in last
    assert "Search further" not in last
    assert operator.status(f"{rows}?state=lost") == 422


def test_events_are_found_by_key_state_code_receiver_and_time(operator: Visitor, ledger: Ledger) -> None:
    assert operator.look("/notifications?key=pager/1").count("/notifications/n_") == 1
    assert operator.look("/notifications?state=failed&code=154004").count("/notifications/n_") == 6
    assert operator.look("/notifications?receiver=ou_ops_039").count("/notifications/n_") == 1
    assert operator.look("/notifications?until=2020-01-01").count("/notifications/n_") == 0
    assert operator.look("/notifications?until=2100-01-01T09:00%2B08:00").count("/notifications/n_") == 50
    [event, *_] = ledger.events()
    assert event.id in operator.look(f"/notifications?id={event.id}")
    assert operator.page.url.endswith(f"/notifications/{event.id}")
    for wrong in ("code=x", "state=x", "until=x", "cursor=x"):
        assert operator.status(f"/notifications?{wrong}") == 422
    assert operator.status("/notifications?id=n_nobody") == 302 or operator.status("/notifications/n_nobody") == 404


def test_the_next_page_of_events_goes_on_where_the_first_ended(operator: Visitor) -> None:
    first = operator.look("/notifications")
    cursor = re.search(r"cursor=([\w-]+)\"", first)
    assert cursor
    second = operator.look(f"/notifications?cursor={cursor[1]}")
    ids = [set(re.findall(r"/notifications/(n_\w+)", page)) for page in (first, second)]
    assert [len(found) for found in ids] == [50, 2]
    assert not ids[0] & ids[1]


def test_a_choice_that_the_page_does_not_offer_is_refused_in_the_language_of_the_page(
    url: str, scenery: Scenery
) -> None:
    chinese = Visitor(url, "zh-CN").sign_in(scenery.operator)
    path = f"/announcements/{scenery.move}"
    for wrong in ("/notifications?state=x", f"{path}/rows?state=x", f"{path}/export.pdf"):
        answer = chinese.session.get(chinese.url + wrong, timeout=60)
        assert (answer.status_code, "应为 " in answer.text, "must be" in answer.text) == (422, True, False), wrong
    answer = chinese.act(f"{path}/retry", state="x")
    assert (answer.status_code, "state：应为 failed, unknown 之一" in answer.text) == (422, True), answer.text


# -- acts


def test_what_a_person_does_is_done_and_on_record_with_the_name_of_the_key(
    operator: Visitor, scenery: Scenery, ledger: Ledger
) -> None:
    path = f"/announcements/{scenery.move}"
    operator.look(path)
    assert "Paused. No new calls are made." in operator.act(f"{path}/pause").text
    assert ledger.announcements.get(scenery.move).state is AnnouncementState.PAUSED
    operator.act(f"{path}/resume")
    assert "45 queued again." in operator.act(f"{path}/retry", state="failed").text
    assert "3 maybe sent: they arrived." in operator.act("/settle", id=scenery.move, **{"as": "delivered"}).text
    operator.act(f"{path}/cancel")
    move = ledger.announcements.get(scenery.move)
    assert move.state is AnnouncementState.CANCELLED
    assert [(by, did) for _, by, did in move.acts] == [
        ("key mia", did) for did in ("announce", "pause", "resume", "cancel")
    ]
    did = [(act.by, act.did, act.id) for act in recent_actions(ledger, 5)]
    verbs = ("cancel", "resolve as delivered", "retry failed", "resume", "pause")
    assert did == [("key mia", verb, scenery.move) for verb in verbs]


@pytest.mark.parametrize(
    ("language", "why", "go_on"),
    [("en", "Paused: its first 2 rows have ended.", "Go on"), ("zh-CN", "已暂停：前 2 行已发完。", "继续")],
)
def test_what_has_paused_by_itself_says_why_counts_and_goes_on(
    url: str, scenery: Scenery, ledger: Ledger, language: str, why: str, go_on: str
) -> None:
    id = stopped(ledger)
    visitor = Visitor(url, language).sign_in(scenery.operator)
    path = f"/announcements/{id}"
    page = visitor.look(path)
    assert why in page
    assert f">{go_on}…</button>" in page
    assert path in visitor.look("/needs")
    visitor.look(path)
    visitor.act(f"{path}/resume")
    assert ledger.announcements.get(id).state is AnnouncementState.RUNNING


def stopped(ledger: Ledger) -> str:
    """Two of its three rows have failed."""
    spec = Spec(name="First two", message={"msg_type": "text", "content": {"text": "x"}}, first=2)
    id = ledger.announcements.open(spec, key="first two", digest="d").id
    ledger.announcements.load(id, [orjson.dumps([n, f"ou_first{n}", []]) for n in range(3)])
    ledger.announcements.start(id, spec, 3)
    leases, desk = Leases(ledger.redis, ledger.settings, longest_call_ms=1000), ledger.settings.desk("default")
    while ledger.announcements.get(id).state is AnnouncementState.RUNNING:
        [released] = leases.release([(desk.model_copy(update={"rate": ()}), 100, 1000)])
        claims = leases.claim(desk, "stopped", released.ids)[1]
        leases.record(desk, "stopped", [Result(claim.id, State.FAILED) for claim in claims], "up")
    return id


def test_an_act_that_the_state_does_not_allow_is_refused_and_not_recorded(
    operator: Visitor, scenery: Scenery, ledger: Ledger
) -> None:
    operator.look(f"/announcements/{scenery.move}")
    answer = operator.act(f"/announcements/{scenery.move}/resume")
    assert answer.status_code == 409
    assert "it is running" in answer.text
    assert operator.act(f"/announcements/{scenery.move}/retry", state="delivered").status_code == 422
    assert operator.act("/announcements/a_nobody/pause").status_code == 404
    assert [act.did for act in recent_actions(ledger, 1)] == ["sign in"]


def test_one_notification_is_retried_and_cancelled(operator: Visitor, ledger: Ledger) -> None:
    operator.look("/needs")
    for state, verb, fields, came_to in (
        (State.FAILED, "retry", {}, State.QUEUED),
        (State.QUEUED, "cancel", {}, State.CANCELLED),
    ):
        id = next(ledger.events(state)).id
        operator.act(f"/notifications/{id}/{verb}", **fields)
        record = ledger.get(id)
        assert record.progress.state is came_to
        assert record.progress.acts[-1][1] == "key mia"


def test_a_held_desk_is_resumed_and_failed_events_of_one_code_are_sent_again(operator: Visitor, ledger: Ledger) -> None:
    assert "Desk hr is not sending" in operator.look("/needs")
    assert "Desk hr is resumed." in operator.act("/desks/hr/resume").text
    assert "Desk hr is not sending" not in operator.look("/needs")
    assert "6 queued again." in operator.act("/events/retry", code="154004").text
    assert [act.did for act in recent_actions(ledger, 2)] == ["retry code 154004", "resume desk"]
    assert operator.act("/desks/nobody/resume").status_code == 404
    assert operator.act("/events/retry", code="all").status_code == 422


@pytest.mark.parametrize(
    ("language", "told", "reason", "after"),
    [
        ("en", "Dropped messages", "its body is signed: set the sender", "Noted as seen."),
        ("zh-CN", "被丢弃的消息", "正文带有签名：请把发送方的", "已标记为已查看。"),
    ],
)
def test_dropped_messages_are_told_until_somebody_has_seen_them(
    url: str, scenery: Scenery, language: str, told: str, reason: str, after: str
) -> None:
    ledger, visitor = scenery.ledger, Visitor(url, language).sign_in(scenery.operator)
    assert told not in visitor.look("/needs")
    signed = Phrase("{problem}: set the sender's task_serializer to json", problem=Phrase("its body is signed"))
    DroppedMessages(ledger.redis, ledger.keys).note(signed, "deskbell.intake", {"origin": "gen1@<shop>"})
    ledger.redis.set(ledger.keys.unread_lists, '[["deskbell.intakes", 7]]')

    page = eventually(
        lambda: told in visitor.look("/needs") and visitor.page.text, 5, "what is at most two seconds old"
    )
    assert reason in page
    assert "gen1@&lt;shop&gt;" in page
    assert "deskbell.intakes" in page
    assert after in visitor.act("/dropped/seen", total="1").text
    assert told not in visitor.look("/needs")
    assert visitor.act("/dropped/seen", total="x").status_code == 422


def test_what_somebody_has_just_settled_is_gone_from_the_next_page(operator: Visitor, scenery: Scenery) -> None:
    assert "Office move" in operator.look("/needs").partition("Maybe sent")[2].partition("Failed")[0]
    page = operator.act("/settle", id=scenery.move, back="/needs", **{"as": "failed"}).text
    assert "3 maybe sent: they did not arrive." in page
    assert f"settle-{scenery.move}" not in page


# -- new announcements


def propose(visitor: Visitor, path: Path, message: Path | None = None, **fields: str) -> str:
    visitor.look("/announcements/new")
    files = {"recipients": (path.name, path.read_bytes())}
    if message:
        files["message"] = (message.name, message.read_bytes())
    return visitor.act("/announcements/new", files=files, **fields).text


def test_invalid_rows_are_named_and_stop_it_unless_they_are_left_out(operator: Visitor) -> None:
    path = people(2, ",Nobody\n")
    page = propose(operator, path, text="Dear {{ name }}")
    assert "What to fix" in page
    assert "Nothing can be sent like this." in page
    assert 'id="do-start"' not in page
    page = propose(operator, path, text="Dear {{ name }}", skip_invalid="true")
    assert "Send to 2" in page


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "give one of text, markdown, message and template"),
        ({"text": "Dear {{ nobody }}"}, "nobody"),
        ({"text": "x", "weight": "many"}, "must be a whole number"),
        ({"text": "x", "hours_from": "09:00"}, "choose when the hours end, too"),
        ({"text": "x", "hours_from": "09:00", "hours_to": "18:00", "timezone": "Mars"}, "is not a time zone"),
        ({"text": "x", "at_date": "2031-12-01"}, "choose a time of day, too"),
        ({"text": "x", "expires_time": "09:00"}, "choose a date, too"),
        ({"text": "x", "desk": "nowhere"}, "there is no desk"),
    ],
)
def test_what_is_wrong_in_the_form_is_said_and_what_was_written_is_kept(
    operator: Visitor, fields: dict[str, str], problem: str
) -> None:
    page = propose(operator, people(2), name="Office move", **fields)
    assert problem in page
    assert 'value="Office move"' in page


def test_a_card_is_shown_as_each_receiver_gets_it(operator: Visitor, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(json.dumps(CARD))
    (tmp_path / "staff.csv").write_text("receiver_id,name,desk\nou_1,Ada,6-001\n")
    page = propose(operator, tmp_path / "staff.csv", tmp_path / "card.json")
    assert "Dear <b>Ada</b>, your new desk is <b>6-001</b>." in page


def test_an_export_is_the_file_of_the_command_line(operator: Visitor, scenery: Scenery) -> None:
    operator.look("/")
    answer = operator.session.get(f"{operator.url}/announcements/{scenery.move}/export.csv", timeout=120)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{scenery.move}.csv"'
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 1_201
    assert lines[0].startswith('"receiver_id","name","desk","line","state",')
    assert operator.status(f"/announcements/{scenery.move}/export.xlsx") == 422


def test_hooks_keys_and_acts_are_listed(operator: Visitor) -> None:
    page = operator.look("/hooks")
    for text in ("the signature is wrong", "no condition held", "signed in"):
        assert text in page


def test_what_others_wrote_is_escaped(operator: Visitor, ledger: Ledger) -> None:
    script = "<script>alert(1)</script>"
    [accepted] = ledger.accept([Notification.build({"receiver_id": "ou_x", "text": script, "key": script})])
    for path in ("/notifications", f"/notifications/{accepted.id}"):
        operator.look(path)
        assert script not in operator.page.text
        assert "&lt;script&gt;" in operator.page.text


def test_a_person_is_found_by_name_in_all_rows_and_events(operator: Visitor, url: str, scenery: Scenery) -> None:
    announcements = list(scenery.ledger.announcements.newest())
    page = operator.look("/find?text=PERSON%2077")
    rows = f"{sum(each.total for each in announcements):,}"
    assert f"Looked at {rows} of {rows} rows and " in page
    assert f'/console/announcements/{scenery.move}">{scenery.move}</a>, line 79' in page
    assert '<span class="person" title="name">Person 77</span>' in page
    assert "Nothing has this text" in operator.look("/find?text=nobody at all")
    assert "pager/1" in operator.look("/notifications?key=pager/1")
    assert operator.look("/find?text=pager/1").count("/notifications/n_") == 1
    assert operator.status("/find?text=a") == 422
    assert operator.status("/find?text=ada&cursor=x") == 422
    assert operator.look("/find").count("/notifications/n_") == 0
    operator.look(f"/find?text={scenery.move}")
    assert operator.page.url.endswith(f"/announcements/{scenery.move}")
    _, secret = ApiKeys(scenery.ledger).create("hr-alone", frozenset({Scope.OPERATE}), frozenset({"hr"}), None, "test")
    of_hr = Visitor(url).sign_in(secret).look("/find?text=Person 77")
    [hr] = [each for each in announcements if each.spec.desk == "hr"]
    assert set(re.findall(r"/announcements/(a_\w+)", of_hr)) == {hr.id}
    assert f"Looked at {hr.total} of {hr.total} rows" in of_hr


def test_rows_are_found_by_any_value_and_shown_with_it(operator: Visitor, url: str, scenery: Scenery) -> None:
    rows = f"/announcements/{scenery.move}/rows"
    one = operator.look(f"{rows}?find=person 1199")
    assert one.count("/notifications/n_") == 1
    assert '<span class="person" title="name">Person 1199</span>' in one
    assert "Searched rows 1 to 1,200 of 1,200." in one
    assert operator.look(f"{rows}?find=6-077").count("/notifications/n_") == 3
    assert operator.look(f"{rows}?find=6-077&state=failed").count("/notifications/n_") == 0
    many = operator.look(f"{rows}?find=Person")
    assert many.count("/notifications/n_") == 50
    assert "find=Person&receiver=&from=50" in many
    assert operator.status(f"{rows}?find=a") == 422
    [unknown, *_] = scenery.ledger.announcements.numbers_in(scenery.move, State.UNKNOWN)
    [record] = scenery.ledger.get_known([unknown])
    assert f'<span class="person" title="name">{record.person["name"]}</span>' in operator.look("/needs")
    assert f"<dt>name</dt><dd>{record.person['name']}</dd>" in operator.look(f"/notifications/{unknown}")
    chinese = Visitor(url, "zh-CN").sign_in(scenery.operator)
    assert "姓名、邮箱或任意一列的内容" in chinese.look(f"{rows}?find=Person 3")
    assert "行明细中的" in chinese.look("/find?text=Person 3")


def test_a_reader_sees_ids_of_rows_and_no_person(operator: Visitor, reader: Visitor, scenery: Scenery) -> None:
    paths = (f"/announcements/{scenery.move}/rows", f"/notifications/n_{scenery.move[2:]}-0", "/needs")
    for path in (*paths, f"/announcements/{scenery.move}/export.csv"):
        assert ("Person " in operator.look(path), "Person " in reader.look(path)) == (True, False), path
    assert "Nothing has this text" in reader.look("/find?text=Person 77")
    assert "/console/notifications/n_" not in reader.look(f"/announcements/{scenery.move}/rows?find=Person")
