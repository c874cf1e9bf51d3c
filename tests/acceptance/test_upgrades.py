"""Ledgers that older commits made, taken over by today's worker, web process and commands.

`tests/upgrades/record.py` made the files; its story names what is in them. A minute lies between the recording and
today, so every lease is over, and what was due then is due now. Older workers have led until now, as in a rolling
restart; only the newest ledger was without a leader for that minute, for which its leases then last longer.
"""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from ledger.callbacks import Callbacks
from ledger.redis_clock import time_ms
from ledger.states import State
from tests.acceptance.installation import Installation, eventually
from tests.acceptance.web_process import WebProcess
from tests.integration.console.console_visitor import Visitor
from tests.receiver import Receiver, receiving
from tests.upgrades.kept import Story, kept_ledgers, load
from tests.upgrades.record import CALLBACK_URL, DESKS, HOOKS, record
from tests.upgrades.shape import shape
from tests.upgrades.side_by_side import run as run_side_by_side
from tests.upgrades.tree import is_known

LATER_MS = 60_000
#: Until nothing moves by itself any more, on an idle machine: the newest ledger's leases last a minute.
SETTLE_SECONDS = 75
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
#: When everything is due that was for later. ms.
AFTERNOON_MS = 3 * 3600 * 1000
#: Of each event, in what state it rests once the workers have done what they can without a person.
ENDS = {
    State.DELIVERED: (
        *("delivered", "rerouted", "waiting", "locked", "image", "http", "hooked", "deferred", "sending"),
        *("queued0", "queued1", "queued2"),
    ),
    State.FAILED: ("failed",),
    State.UNKNOWN: ("maybe_told", "maybe_resent", "sending_held"),
    State.SCHEDULED: ("scheduled", "image_later"),
    State.CANCELLED: ("cancelled", "cancelled_there"),
    State.EXPIRED: ("expired", "queued_expiring"),
}
#: The same of events by e-mail and mobile, where the ledger has them.
ADDRESSED_END = {
    State.DELIVERED: ("mailed", "called", "mail_waiting"),
    State.FAILED: ("mailed_to_nobody",),
    State.SCHEDULED: ("mailed_later",),
    State.EXPIRED: ("mail_expiring",),
}
#: The same of events that have joined a message, which is for later.
JOINED_END = {State.JOINED: ("throttled_next", "joined0", "joined1", "joined2", "joined_by_mail")}
#: The same of what hooks tell of alerts.
ALERTS_END = {
    State.DELIVERED: ("alert_fires", "alert_fired", "alert_ended"),
    State.JOINED: ("calm_fired", "calm_ended"),
}
#: Of each announcement, the same of its rows. Of `running`, the row that was under way is unknown.
ROWS_END = {
    "finished": {"delivered": 2, "failed": 1, "unknown": 1},
    "by_mail": {"delivered": 2},
    "scheduled_rows": {"scheduled": 5},
    "cancelled_rows": {"cancelled": 5},
    "hours": {"queued": 5},
}
#: Who gets a message after the upgrade, and no other.
STILL_TO_COME = (
    *("ou_ticket", "ou_locked", "ou_deferred", "ou_sending", "ou_queued0", "ou_queued1", "ou_queued2", "ou_intake"),
)


class TakenOver:
    def __init__(self, installation: Installation, web: WebProcess, receiver: Receiver, story: Story) -> None:
        self.at, self.web, self.receiver, self.story = installation, web, receiver, story

    @property
    def api(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.story['api_key']}"}

    def id(self, name: str) -> str:
        return str(self.story[name])

    def state(self, name: str) -> State:
        return self.at.ledger.get(self.id(name)).progress.state

    def rows(self, name: str) -> dict[str, str]:
        """The state of each row, by its receiver, as the export has them."""
        lines = self.at.deskbell("export", self.id(name), "--format", "jsonl").stdout.splitlines()
        return {row["receiver_id"]: row["state"] for row in map(json.loads, lines)}

    def counts(self, name: str) -> dict[State, int]:
        counts = self.at.ledger.announcements.get(self.id(name)).counts
        return {state: count for state, count in counts.items() if count}

    def unsettled(self) -> dict[str, Any]:
        """What is not yet as it will stay, by its name."""
        ends = {
            name: state
            for of in (ENDS, ADDRESSED_END, JOINED_END, ALERTS_END)
            for state, names in of.items()
            for name in names
        }
        ends = {name: state for name, state in ends.items() if name in self.story or name in ENDS.get(state, ())}
        found = {name: self.state(name) for name, state in ends.items() if self.state(name) != state}
        rows = self.counts("running")
        return found | ({"running": rows} if rows.keys() - {State.DELIVERED, State.UNKNOWN} else {})


def _ledgers() -> list[Any]:
    """The oldest and the two newest; those between, too, with the slow tests."""
    kept = kept_ledgers()
    marks = [[pytest.mark.slow] if file in kept[1:-2] else [] for file in kept]
    return [pytest.param(file, id=file.stem, marks=mark) for file, mark in zip(kept, marks, strict=True)]


@pytest.fixture(scope="module", params=_ledgers())
def taken_over(request: pytest.FixtureRequest, folders: Callable[[], Path]) -> Iterator[TakenOver]:
    """One for all tests of a ledger: each asks about other notifications of it."""
    with receiving() as receiver, _loaded(request.param, folders(), LATER_MS, receiver) as (installation, story):
        if request.param != kept_ledgers()[-1]:
            _led_until_now(installation)
        for _ in range(2):
            installation.start_worker()
        with WebProcess(installation.folder, installation.environment) as web:
            found = TakenOver(installation, web, receiver, story)
            try:
                eventually(lambda: not found.unsettled(), SETTLE_SECONDS, "all settled")
            except AssertionError as error:
                raise AssertionError(found.unsettled()) from error
            yield found


@contextmanager
def _loaded(file: Path, folder: Path, later_ms: int, receiver: Receiver) -> Iterator[tuple[Installation, Story]]:
    (folder / "desks.toml").write_text(DESKS)
    (folder / "hooks.toml").write_text(HOOKS)
    environment = {
        "DESKBELL_DESKS": str(folder / "desks.toml"),
        "DESKBELL_HOOKS": str(folder / "hooks.toml"),
        "DESKBELL_RATE": "50/second",
        "DESKBELL_CALLBACK_SECRET": SECRET,
        "DESKBELL_CALLBACK_ALLOW": "127.0.0.1",
    }
    with Installation(folder, workers=0, **environment) as installation:
        renamed = {CALLBACK_URL.encode(): receiver.url.encode()}
        story = load(file, installation.ledger.redis, later_ms=later_ms, renamed=renamed)
        # This sandbox is not the one that the image was uploaded to.
        for key in installation.ledger.redis.scan_iter("deskbell:desk:*:image:*"):
            installation.ledger.redis.delete(key)
        yield installation, story


def _led_until_now(installation: Installation) -> None:
    client, clock = installation.ledger.redis, installation.ledger.keys.clock
    if client.hexists(clock, "seen"):
        client.hset(clock, "seen", time_ms(client.time()))


def test_what_waited_is_sent_once_and_nothing_else(taken_over: TakenOver) -> None:
    before, after = taken_over.story["deliveries"], taken_over.at.sandbox.deliveries()
    rows = taken_over.rows("running")

    assert {name: after.get(name) for name in STILL_TO_COME} == dict.fromkeys(STILL_TO_COME, 1)
    assert len(rows) == 20
    delivered = [receiver for receiver, state in rows.items() if state == State.DELIVERED]
    assert {receiver: before.get(receiver, 0) + after.get(receiver, 0) for receiver in delivered} == dict.fromkeys(
        delivered, 1
    )
    assert not {receiver for receiver, state in rows.items() if state == State.UNKNOWN} & after.keys()
    mine = {"ou_maybe_resent", "ou_proposed", *(f"ou_paused{number}" for number in range(12))}  # of the tests below
    mine |= {f"ou_first{number}" for number in range(2, 5)} | {"ou_mail_waiting", "ou_boss_later"}
    assert after.keys() <= {*STILL_TO_COME, *rows, *mine}


def test_what_waited_for_its_receiver_is_sent_to_that_one(taken_over: TakenOver) -> None:
    if "mail_waiting" not in taken_over.story:
        pytest.skip("events had no addresses")
    shown = taken_over.at.shown(taken_over.id("mail_waiting"))
    assert (shown["receiver_id"], shown["email"]) == ("ou_mail_waiting", "mail_waiting@example.com")
    assert taken_over.at.sandbox.deliveries()["ou_mail_waiting"] == 1


def test_what_was_owed_to_somebody_is_told_once_and_nothing_again(taken_over: TakenOver) -> None:
    if "told_later" not in taken_over.story:
        pytest.skip("nobody was told of the end of an announcement")
    sandbox = taken_over.at.sandbox
    eventually(lambda: sandbox.deliveries().get("ou_boss_later") == 1, 20, "the end of the cancelled one is told")
    assert not {"ou_boss", "ou_tested"} & sandbox.deliveries().keys()
    assert taken_over.at.shown(taken_over.id("tested"))["test"] is True
    assert taken_over.at.deskbell_json("show", taken_over.id("submitted"))["state"] == "awaiting_approval"


def test_a_call_that_was_lost_with_its_worker_is_on_record(taken_over: TakenOver) -> None:
    resent, held = (taken_over.at.shown(taken_over.id(name)) for name in ("sending", "sending_held"))
    assert [attempt["outcome"] for attempt in resent["attempts"]] == ["unknown", "delivered"]
    assert [attempt["outcome"] for attempt in held["attempts"]] == ["unknown"]


def test_the_counts_add_up(taken_over: TakenOver) -> None:
    assert {name: taken_over.counts(name) for name in ROWS_END} == ROWS_END
    assert sum(taken_over.counts("running").values()) == 20
    listed = [record for record in taken_over.at.ledger.events() if record.notification.desk == "default"]
    assert sum(taken_over.at.counts().values()) == len(listed)


def test_the_ledger_is_whole(taken_over: TakenOver) -> None:
    done = taken_over.at.deskbell("doctor", "--ledger")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_export_has_what_the_older_version_recorded(taken_over: TakenOver) -> None:
    assert taken_over.rows("finished") == {
        "ou_fin1": "delivered",
        "ou_fin2": "delivered",
        "ou_unknown_fin": "failed",
        "ou_maybe_fin": "unknown",
    }
    assert set(taken_over.rows("by_mail").values()) == {"delivered"}


@pytest.mark.parametrize(
    ("name", "options"),
    [("delivered", ("--callback-url", CALLBACK_URL)), ("queued0", ()), ("sending", ()), ("intake", ())],
)
def test_a_key_still_finds_its_notification(taken_over: TakenOver, name: str, options: tuple[str, ...]) -> None:
    text = "from Celery" if name == "intake" else f"for {name}"
    command = ("send", "--to", f"ou_{name}", "--text", text, "--key", f"k-{name}", *options)
    again = taken_over.at.deskbell_json(*command)
    assert (again["state"], again["duplicate"]) == ("delivered", True)
    assert again["id"] == taken_over.story.get(name, again["id"])


def test_a_key_is_still_refused_for_another_content(taken_over: TakenOver) -> None:
    done = taken_over.at.deskbell("send", "--to", "ou_scheduled", "--text", "another", "--key", "k-scheduled")
    assert done.returncode == 2, done.stderr


def test_the_same_announcement_is_not_accepted_again(taken_over: TakenOver) -> None:
    people = "\n".join(["receiver_id,name", *(f"ou_paused{number},Ada" for number in range(12))])
    (taken_over.at.folder / "paused.csv").write_text(people)
    command = ("announce", "paused.csv", "--text", "Dear {{ name }}", "--yes", "--desk", "hr")
    again = taken_over.at.deskbell_json(*command)
    assert (again["id"], again["duplicate"]) == (taken_over.id("paused"), True)


def test_a_paused_announcement_stays_paused_and_goes_on_when_it_is_told(taken_over: TakenOver) -> None:
    before = taken_over.story["deliveries"]
    assert taken_over.at.deskbell_json("show", taken_over.id("paused"))["state"] == "paused"
    assert not any(receiver.startswith("ou_paused") for receiver in taken_over.at.sandbox.deliveries())

    taken_over.at.deskbell_json("resume", taken_over.id("paused"))
    eventually(lambda: taken_over.counts("paused") == {"delivered": 12}, 20, "all rows delivered")
    after = taken_over.at.sandbox.deliveries()
    receivers = [f"ou_paused{number}" for number in range(12)]
    assert [before.get(receiver, 0) + after.get(receiver, 0) for receiver in receivers] == [1] * 12


def test_what_has_paused_after_its_first_rows_stays_paused_and_goes_on_when_it_is_told(taken_over: TakenOver) -> None:
    if "first" not in taken_over.story:
        pytest.skip("announcements of that commit do not pause by themselves")
    shown = taken_over.at.deskbell_json("show", taken_over.id("first"))
    assert (shown["state"], shown["paused_by"], taken_over.counts("first")) == (
        "paused", "first_n", {State.DELIVERED: 2, State.QUEUED: 3},
    )  # fmt: skip
    taken_over.at.deskbell_json("resume", taken_over.id("first"))
    eventually(lambda: taken_over.counts("first") == {"delivered": 5}, 20, "all rows delivered")


def test_what_was_maybe_sent_is_settled_by_a_person(taken_over: TakenOver) -> None:
    told, resent = taken_over.id("maybe_told"), taken_over.id("maybe_resent")
    taken_over.at.deskbell_json("resolve", told, "--as", "delivered")
    taken_over.at.deskbell_json("resolve", resent, "--as", "resend")
    assert taken_over.state("maybe_told") is State.DELIVERED
    taken_over.at.wait_for_state(resent, State.DELIVERED)
    after = taken_over.at.sandbox.deliveries()
    assert (after.get("ou_maybe_told"), after["ou_maybe_resent"]) == (None, 1)


def test_the_key_of_the_api_still_opens_and_the_revoked_one_does_not(taken_over: TakenOver) -> None:
    url = f"{taken_over.web.url}/v1/notifications/{taken_over.id('http')}"
    assert requests.get(url, headers=taken_over.api, timeout=30).json()["state"] == "delivered"
    revoked = {"Authorization": f"Bearer {taken_over.story['revoked_key']}"}
    assert requests.get(url, headers=revoked, timeout=30).status_code == 401


def test_a_session_of_the_console_goes_on_and_shows_what_was_done(taken_over: TakenOver) -> None:
    visitor = Visitor(taken_over.web.url)
    visitor.session.cookies.update(taken_over.story["cookies"])
    page = visitor.look("/hooks")
    assert taken_over.id("cancelled_there") in page, "an act"
    assert taken_over.id("hooked") in page, "an entry of the hook log"


@pytest.mark.parametrize("span", ["24h", "7d"])
def test_a_chart_of_more_than_an_hour_is_there_and_says_what_is_not_known(taken_over: TakenOver, span: str) -> None:
    visitor = Visitor(taken_over.web.url)
    visitor.session.cookies.update(taken_over.story["cookies"])
    assert "Not known" in visitor.look(f"/?span={span}")


def test_what_was_shown_before_it_was_sent_is_a_draft_or_is_asked_for_again(taken_over: TakenOver) -> None:
    """A preview of a version without drafts was kept for a day, and cannot be confirmed any more."""
    visitor = Visitor(taken_over.web.url)
    visitor.session.cookies.update(taken_over.story["cookies"])
    if "draft" in taken_over.story:
        id = taken_over.story["draft"]
        assert "Dear Ada" in visitor.look(f"/announcements/{id}")
        assert visitor.act(f"/announcements/{id}/start", version="1").status_code == 200
        eventually(lambda: taken_over.at.sandbox.deliveries().get("ou_proposed") == 1, 20, "its one row")
    else:
        visitor.look("/announcements/new")
        fields = {"csrf": visitor.token(), "token": taken_over.story["proposal"]}
        page = visitor.session.post(f"{visitor.url}/announcements/accept", fields, timeout=60)
        assert page.status_code in (404, 405)
        assert "ou_proposed" not in taken_over.at.sandbox.deliveries()


def test_callbacks_that_the_older_version_owed_are_posted(taken_over: TakenOver) -> None:
    eventually(lambda: Callbacks(taken_over.at.ledger).counts()[0] == 0, 20, "none is owed any more")
    posted = [json.loads(received.body) for received in taken_over.receiver.received]
    joined = [taken_over.id(name) for name in taken_over.story if name.startswith("joined") and name[6:].isdecimal()]
    assert sorted((document["type"], document["data"]["id"]) for document in posted) == sorted(
        [
            ("notification.delivered", taken_over.id("delivered")),
            ("announcement.finished", taken_over.id("finished")),
            *(("notification.joined", id) for id in joined),
        ]
    )


def test_an_alert_that_fired_before_the_upgrade_ends_after_it(taken_over: TakenOver) -> None:
    if "alert_fires" not in taken_over.story:
        pytest.skip("this ledger has no alerts")
    ledger, ended = taken_over.at.ledger, {"text": "over", "alert": "cpu", "state": "resolved"}
    hook = f"{taken_over.web.url}/v1/hooks/script"
    [accepted] = requests.post(hook, json=ended, headers=taken_over.api, timeout=30).json()["accepted"]
    assert ledger.get(accepted["id"]).progress.resolve_of == taken_over.id("alert_fires")
    assert ledger.get(taken_over.id("alert_fired")).resolved_by == (taken_over.id("alert_ended"),)


@pytest.mark.parametrize("file", _ledgers())
def test_what_was_for_later_is_sent_when_its_time_comes(file: Path, folders: Callable[[], Path]) -> None:
    with receiving() as receiver, _loaded(file, folders(), AFTERNOON_MS, receiver) as (installation, story):
        installation.start_worker()
        installation.wait_until_delivered([story["scheduled"], story["image_later"]], seconds=20)
        rows = [
            story[name].replace("a_", "n_") + f"-{number}"
            for name in ("scheduled_rows", "hours")
            for number in range(5)
        ]
        installation.wait_until_delivered(rows, seconds=20)
        if "empty_cell" in story:
            installation.wait_until_delivered([story["empty_cell"].replace("a_", "n_") + "-0"], seconds=20)
            [call] = installation.sandbox.sends("ou_empty")
            assert json.loads(call["body"]["content"]) == {"text": "Dear ."}, "as it was checked then"
        if "joined0" in story:
            for name in JOINED_END[State.JOINED]:
                message = installation.ledger.get(story[name]).progress.into or ""
                installation.wait_until_delivered([message], seconds=20)
            # The same person by id and by e-mail, each in a window of its own; one event alone is told as it came.
            contents = sorted(call["body"]["content"] for call in installation.sandbox.sends("ou_joined"))
            [together] = [content for content in contents if "3 messages since" in content]
            assert all(f"for joined{number}" in together for number in range(3))
            assert [json.loads(each) for each in contents if each != together] == [{"text": "for joined_by_mail"}]
            [call] = installation.sandbox.sends("ou_throttled")
            assert "1 more since" in call["body"]["content"]
        if "calm_ended" in story:
            message = installation.ledger.get(story["calm_ended"]).progress.into or ""
            installation.wait_until_delivered([message], seconds=20)
            [call] = installation.sandbox.sends("ou_calm")
            assert "for calm_ended · Fired for 20 min, since 11-22 06:05 UTC" in call["body"]["content"]
        deliveries = installation.sandbox.deliveries()
    due = [
        "ou_scheduled",
        "ou_image_later",
        *(f"ou_{name}{number}" for name in ("later", "hours") for number in range(5)),
    ]
    assert {receiver: deliveries[receiver] for receiver in due} == dict.fromkeys(due, 1)


def test_a_hold_that_was_written_before_there_were_phrases_is_shown_as_it_was(folders: Callable[[], Path]) -> None:
    [file] = [file for file in kept_ledgers() if file.stem == "5629faf"]
    with receiving() as receiver, _loaded(file, folders(), 0, receiver) as (installation, _):
        kept = json.loads(installation.ledger.redis.hget(installation.ledger.keys.desk("locked"), "hold"))
        [desk] = [desk for desk in installation.deskbell_json("desks") if desk["name"] == "locked"]
        assert "phrase" not in kept
        assert kept["reason"] == desk["hold"]["reason"]
        chinese = {**installation.environment, "DESKBELL_LANG": "zh-CN"}
        assert f"（{kept['reason']}）" in installation.deskbell("desks", environment=chinese).stdout


def test_what_today_s_code_writes_is_in_a_kept_ledger(folders: Callable[[], Path], tmp_path: Path) -> None:
    """Also, the recording works: the next change of the record needs it."""
    record(folders(), tmp_path / "today.ledger", {})
    known = set[str]().union(*map(shape, kept_ledgers()))
    assert shape(tmp_path / "today.ledger") - known == set(), (
        "the record has changed: commit, then keep its ledger with `python -m tests.upgrades.record HEAD`"
    )


def test_workers_of_the_version_before_and_of_today_share_a_ledger(folders: Callable[[], Path]) -> None:
    """Of the newest ledger that is kept and whose commit is in the history. Skipped only where there is no history."""
    known = [file.stem for file in kept_ledgers() if is_known(file.stem)]
    if not known:
        pytest.skip("the repository's history has none of the commits whose ledgers are kept")
    found = run_side_by_side(known[-1], folders())
    assert found.is_right(), found
