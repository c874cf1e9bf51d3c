"""From rows to an announcement in the ledger, over fakeredis."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fakeredis
import openpyxl
import pytest
from PIL import Image

from deskbell import Announced, Notifier
from ledger.errors import BadInput, KeyReused, NotFound
from ledger.ledger import Ledger
from ledger.messages.message_file import read_message_template
from ledger.notification import Notification
from ledger.settings import Settings
from ledger.states import AnnouncementState
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.checked_announcement import CheckedAnnouncement, checked_announcement
from producers.announcements.preview import OpenTicketRows, Preview, count_open_tickets, summarize
from producers.announcements.recipients import Recipients
from producers.client.ledger_backend import LedgerBackend

__all__: list[str] = []

PEOPLE = [{"receiver_id": "ou_ada", "name": "Ada"}, {"receiver_id": "ou_bob", "name": "Bob"}]
TEXT = "Dear {{ name }}"


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(Settings(_env_file=None), fakeredis.FakeRedis())


@pytest.fixture
def notifier(ledger: Ledger) -> Notifier:
    return Notifier(LedgerBackend(ledger))


def move(notifier: Notifier, rows: Any = PEOPLE, **options: Any) -> Announced:
    return notifier.announce(rows, **{"text": TEXT, "name": "Office move", **options})


def summary_of(ledger: Ledger, rows: str, tickets: OpenTicketRows | None = None, **options: Any) -> Preview:
    path = Path("people.csv")
    path.write_text(rows)
    with announcement_of(ledger, path, **options) as announcement:
        return summarize(announcement, tickets)


def announcement_of(ledger: Ledger, path: Path, **options: Any) -> AbstractContextManager[CheckedAnnouncement]:
    draft = AnnouncementDraft.build({"name": "people", "text": TEXT, **options})
    return checked_announcement(ledger, draft, lambda options: Recipients.open(path, options=options))


def test_rows_become_an_announcement_that_runs(notifier: Notifier, ledger: Ledger) -> None:
    announced = move(notifier)
    assert (announced.id[:2], announced.total, announced.duplicate) == ("a_", 2, False)
    standing = ledger.announcements.get(announced.id)
    assert (standing.state, standing.spec.name) == (AnnouncementState.RUNNING, "Office move")
    rows = list(ledger.announcements.rows(announced.id))
    assert [(found.row.line, found.row.receiver_id, found.row.values) for found in rows] == [
        (1, "ou_ada", ("Ada",)),
        (2, "ou_bob", ("Bob",)),
    ]
    assert [found.row.message(standing.spec).content for found in rows] == [{"text": "Dear Ada"}, {"text": "Dear Bob"}]


def test_a_file_is_announced_by_its_path(notifier: Notifier, ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("receiver_id,name\nou_ada,Ada\n")
    announced = move(notifier, tmp_path / "people.csv", between="00:00-23:59", timezone="Asia/Shanghai", weight=3)
    spec = ledger.announcements.get(announced.id).spec
    assert (spec.columns, spec.weight, spec.timezone) == (("name",), 3, "Asia/Shanghai")
    assert ledger.announcements.record(f"n_{announced.id[2:]}-0") is not None


def test_rows_of_their_own_way_keep_it(notifier: Notifier, ledger: Ledger) -> None:
    rows = [{**PEOPLE[0], "receive_type": "user"}, {**PEOPLE[1], "receive_type": ""}]
    announced = move(notifier, rows)
    kept = [found.row.overrides for found in ledger.announcements.rows(announced.id)]
    assert kept == [{"receive_type": "user"}, {}]


def test_the_same_again_is_a_duplicate_whatever_it_is_called(notifier: Notifier, ledger: Ledger) -> None:
    first = move(notifier)
    assert move(notifier, iter(PEOPLE), name="Another") == Announced(first.id, 2, duplicate=True)
    assert len(list(ledger.announcements.newest())) == 1
    assert not move(notifier, PEOPLE[:1]).duplicate
    assert not move(notifier, key="once more").duplicate


def test_a_key_stands_for_one_content(notifier: Notifier) -> None:
    first = move(notifier, key="k")
    assert move(notifier, key="k") == Announced(first.id, 2, duplicate=True)
    with pytest.raises(KeyReused):
        move(notifier, PEOPLE[:1], key="k")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "rows: is empty"),
        ([{"name": "Ada"}], "rows: has no column receiver_id"),
        ([{"receiver_id": "ou_ada"}], 'there is no column "name"'),
        ([*PEOPLE, {"receiver_id": "ou_cid"}], 'line 3, column "name": has no value'),
        ([*PEOPLE, {"receiver_id": "on_cid", "name": "C"}], 'line 3, column "receiver_id": begins with on_'),
        ([{"receiver_id": "ou_ada", "name": object()}], "rows[0].name: must be a text, not an object"),
        ([*PEOPLE, "ou_ada"], "rows[2]: must be a mapping"),
        (Path("nowhere.csv"), "nowhere.csv: cannot be read"),
    ],
)
def test_what_is_wrong_with_a_row_is_told_and_nothing_accepted(
    notifier: Notifier, ledger: Ledger, rows: Any, said: str
) -> None:
    with pytest.raises(BadInput) as refused:
        move(notifier, rows)
    assert said in str(refused.value)
    assert ledger.redis.keys() == []


def test_invalid_rows_may_be_skipped_unless_all_are(notifier: Notifier) -> None:
    bad = {"receiver_id": "no id", "name": "Eve"}
    assert move(notifier, [*PEOPLE, bad], skip_invalid=True).total == 2
    with pytest.raises(BadInput, match="no valid row"):
        move(notifier, [bad], skip_invalid=True)


def test_a_receiver_gets_it_once_unless_duplicates_are_allowed(notifier: Notifier) -> None:
    assert move(notifier, [*PEOPLE, *PEOPLE]).total == 2
    assert move(notifier, [*PEOPLE, *PEOPLE], allow_duplicates=True).total == 4


def test_a_desk_that_is_not_configured_is_refused(notifier: Notifier) -> None:
    with pytest.raises(BadInput, match="there is no desk 'hr'"):
        move(notifier, desk="hr")


def test_an_email_leads_to_an_open_id_alone(notifier: Notifier) -> None:
    rows = [{"receiver_id": "", "email": "ada@example.com", "name": "Ada"}]
    with pytest.raises(BadInput, match="user_id_type: must be open_id"):
        move(notifier, rows, user_id_type="union_id")


def test_the_bytes_of_an_image_are_in_the_ledger_before_the_rows(
    notifier: Notifier, ledger: Ledger, tmp_path: Path
) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "poster.png")
    (tmp_path / "m.yaml").write_text("msg_type: image\ncontent: {file: poster.png}\n")
    message = read_message_template(tmp_path / "m.yaml")
    move(notifier, text=None, message=message)
    assert message.image is not None
    assert ledger.redis.get(ledger.keys.image(message.image.sha256)) == (tmp_path / "poster.png").read_bytes()


def test_a_file_that_changes_after_the_check_is_not_announced(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("receiver_id,name\nou_ada,Ada\nou_bob,Bob\n")
    with announcement_of(ledger, path) as announcement:
        path.write_text("receiver_id,name\nou_ada,Eve\nou_bob,Bob\n")
        with pytest.raises(BadInput, match="changed while it was read"):
            announcement.accept()
    assert list(ledger.announcements.newest()) == []


def test_the_same_content_for_the_same_people_is_found_in_whatever_file(ledger: Ledger) -> None:
    notifier = Notifier(LedgerBackend(ledger))
    announced = move(notifier, key="k")
    assert summary_of(ledger, "receiver_id,name\nou_bob,Bob\nou_cid,Cid\n").same_content is None
    same = summary_of(ledger, "name;receiver_id;room\nBob;ou_bob;1\nAda;ou_ada;2\n").same_content
    assert same is not None
    assert same.id == announced.id
    ledger.redis.delete(ledger.keys.lane(announced.id))
    assert summary_of(ledger, "receiver_id,name\nou_ada,Ada\nou_bob,Bob\n").same_content is None


def test_the_content_is_remembered_though_whoever_started_it_was_killed_first(ledger: Ledger) -> None:
    notifier = Notifier(LedgerBackend(ledger))
    first = move(notifier)
    [name] = ledger.redis.keys("deskbell:content:*")
    ledger.redis.delete(name)
    assert move(notifier).duplicate
    assert ledger.redis.get(name) == first.id.encode()
    assert 0 < ledger.redis.pttl(name) <= 30 * 86_400_000


def test_the_summary_counts_what_runs_already(ledger: Ledger) -> None:
    rows = "receiver_id,name\n" + "".join(f"ou_{n},N\n" for n in range(100))
    alone = summary_of(ledger, rows)
    assert (alone.timing.others, alone.calls) == (0, 100)
    assert alone.timing.seconds == pytest.approx(60.3, abs=0.1)
    id = move(Notifier(LedgerBackend(ledger)), [{"receiver_id": f"ou_{n}", "name": "N"} for n in range(1000)]).id
    beside = summary_of(ledger, rows)
    assert beside.timing.others == 1
    assert beside.timing.seconds == pytest.approx(120.6, abs=0.1)
    ledger.announcements.pause(id, by="ada")
    assert summary_of(ledger, rows).timing.seconds == pytest.approx(60.3, abs=0.1)


def test_the_summary_tells_the_start_with_its_hours_and_its_zone(ledger: Ledger) -> None:
    rows, day = "receiver_id,name\nou_ada,Ada\n", datetime.now(UTC).date() + timedelta(days=3)
    at = {"at": f"{day} 03:00", "timezone": "Asia/Shanghai"}
    plain = summary_of(ledger, rows, **at)
    assert plain.as_json()["starts_at"] == f"{day - timedelta(days=1)}T19:00:00.000Z"
    assert f"{plain.starts_at:%H:%M %Z}" == "03:00 CST"
    within = summary_of(ledger, rows, **at, between="09:00-18:00")
    assert within.as_json()["starts_at"] == f"{day}T01:00:00.000Z"
    assert within.finishes_at
    assert within.starts_at
    assert timedelta() < within.finishes_at - within.starts_at < timedelta(minutes=1)
    assert summary_of(ledger, rows).timing.is_at_once


def test_the_summary_starts_when_the_first_row_is_due_if_each_has_its_time(ledger: Ledger) -> None:
    first, last = ((datetime.now(UTC) + timedelta(hours=n)).replace(microsecond=0) for n in (3, 9))
    rows = f"receiver_id,name,send_at\nou_ada,Ada,{last.isoformat()}\nou_bob,Bob,{first.isoformat()}\n"
    assert summary_of(ledger, rows).starts_at == first
    assert summary_of(ledger, f"{rows}ou_eve,Eve,\n").timing.is_at_once


def test_the_summary_counts_what_will_start_and_the_events_that_wait(ledger: Ledger, notifier: Notifier) -> None:
    rows = "receiver_id,name\n" + "".join(f"ou_{n},N\n" for n in range(100))
    alone = summary_of(ledger, rows, at="2h").timing.seconds
    move(notifier, [{"receiver_id": f"ou_{n}", "name": "x"} for n in range(100)], at="2h")
    beside = summary_of(ledger, rows, at="2h")
    assert (beside.timing.others, alone) == (0, pytest.approx(7200 + 60.3, abs=2))
    assert beside.timing.seconds == pytest.approx(7200 + 120.6, abs=2)
    ledger.accept([Notification.build({"receiver_id": "ou_a", "text": "x"}) for _ in range(100)])
    assert summary_of(ledger, rows).timing.seconds == pytest.approx(120.6, abs=1)


def test_the_summary_says_when_rows_will_expire_first(ledger: Ledger) -> None:
    rows = "receiver_id,name\n" + "".join(f"ou_{n},N\n" for n in range(300))
    assert summary_of(ledger, rows, expires="2m").timing.is_too_late
    assert not summary_of(ledger, rows, expires="5m").timing.is_too_late


def test_the_summary_as_json_has_every_fact(ledger: Ledger) -> None:
    rows = "receiver_id;name\nou_ada;Ada\nno id;Eve\nou_ada;Ada\n"
    facts = summary_of(ledger, rows, OpenTicketRows(1)).as_json()
    assert (facts["rows"], facts["accepted"], facts["invalid"], facts["duplicates"]) == (3, 1, 1, 1)
    assert facts["problems"][0]["line"] == 3
    assert facts["samples"][0] == {"line": 2, "msg_type": "text", "content": {"text": "Dear Ada"}}
    assert (facts["source"], facts["open_tickets"], facts["calls"]) == ("CSV, UTF-8, semicolons", 1, 1)
    assert datetime.fromisoformat(facts["finishes_at"]) - datetime.now(UTC) < timedelta(seconds=2)


def with_rows_hidden(path: Path) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "people"
    for row in (["receiver_id", "name"], ["ou_ada", "Ada"], ["ou_bob", "Bob"]):
        book.active.append(row)
    book.active.row_dimensions[3].hidden = True
    book.create_sheet("rooms")
    book.save(path)
    return path


@pytest.mark.parametrize(("hidden", "accepted", "told"), [("skip", 1, "is left out"), ("include", 2, "is among them")])
def test_the_summary_says_which_sheet_of_a_workbook_is_read_and_what_it_hides(
    ledger: Ledger, hidden: str, accepted: int, told: str
) -> None:
    path = with_rows_hidden(Path("people.xlsx"))
    with announcement_of(ledger, path, hidden=hidden) as announcement:
        summary = summarize(announcement)
    facts = summary.as_json()
    assert (facts["source"], facts["accepted"]) == ("XLSX, sheet people", accepted)
    assert (facts["sheet"], facts["other_sheets"], facts["hidden_rows"]) == ("people", ["rooms"], 1)
    assert summary.sheet_remarks == ["1 other sheet is not read: rooms", f"1 row that Excel hides {told}"]


def test_a_file_without_sheets_says_nothing_of_them(ledger: Ledger) -> None:
    summary = summary_of(ledger, "receiver_id,name\nou_ada,Ada\n")
    facts = summary.as_json()
    assert (facts["sheet"], facts["other_sheets"], facts["hidden_rows"]) == (None, None, None)
    assert summary.sheet_remarks == []


def test_leaving_hidden_rows_out_is_another_announcement_than_sending_to_them(ledger: Ledger) -> None:
    path = with_rows_hidden(Path("people.xlsx"))
    with pytest.raises(BadInput, match="has 1 row that Excel hides"), announcement_of(ledger, path):
        pass
    accepted = []
    for hidden in ("skip", "include", "skip"):
        with announcement_of(ledger, path, hidden=hidden) as announcement:
            accepted.append(announcement.accept().id)
    assert accepted[0] == accepted[2] != accepted[1]


def test_a_cell_that_cannot_be_used_matters_only_where_it_is_needed(ledger: Ledger) -> None:
    book, path = openpyxl.Workbook(), Path("people.xlsx")
    for row in (
        ["receiver_id", "name", "note"],
        ["ou_ada", "Ada", "#N/A"],
        ["ou_bob", "#N/A", "x"],
        [10**17, "Eve", "x"],
    ):
        book.active.append(row)
    book.save(path)
    with announcement_of(ledger, path) as announcement:
        checked = announcement.checked
        assert [(each.line, each.column) for each in checked.problems] == [(3, "name"), (4, "receiver_id")]
        assert checked.problems[0].problem == "contains the formula error #N/A"
        assert checked.problems[1].problem.startswith("holds a number of more than 15 digits")
        assert announcement.checked.accepted == 1


def test_open_tickets_count_where_a_message_would_go_to_the_group(ledger: Ledger) -> None:
    path = Path("people.csv")
    path.write_text("receiver_id,name,receive_type\nou_ada,A,\nou_bob,B,user\nou_cid,C,chat\nou_dan,D,\n")
    with announcement_of(ledger, path) as announcement:
        assert count_open_tickets(announcement, {"ou_ada", "ou_bob", "ou_cid", "ou_eve"}) == 2
        assert count_open_tickets(announcement, set()) == 0


def test_nothing_is_found_under_a_hash_that_nobody_sent(ledger: Ledger) -> None:
    path = Path("people.csv")
    path.write_text("receiver_id,name\nou_ada,A\n")
    with announcement_of(ledger, path) as announcement:
        assert announcement.same_content() is None
    with pytest.raises(NotFound):
        ledger.announcements.get("a_nowhere")


def test_a_row_may_have_a_time_of_its_own(notifier: Notifier, ledger: Ledger) -> None:
    announced = move(notifier, [{**PEOPLE[0], "send_at": "2h"}, {**PEOPLE[1], "send_at": ""}])
    first, second = (found.row.overrides for found in ledger.announcements.rows(announced.id))
    assert first["send_at_ms"] == pytest.approx((datetime.now(UTC) + timedelta(hours=2)).timestamp() * 1000, abs=60_000)
    assert second == {}


def test_a_rows_time_without_an_offset_is_one_of_the_given_zone_and_of_no_guessed_one(
    notifier: Notifier, ledger: Ledger
) -> None:
    rows = [{**PEOPLE[0], "send_at": "2099-11-30T09:00"}, PEOPLE[1]]
    with pytest.raises(
        BadInput, match=r"send_at.*has no offset: write it as 2099-11-30T09:00.08:00, or give a timezone"
    ):
        move(notifier, rows)
    ids = [move(notifier, rows, timezone=zone).id for zone in ("Asia/Shanghai", "Europe/Lisbon")]
    times = [next(ledger.announcements.rows(id)).row.overrides["send_at_ms"] for id in ids]
    assert times[1] - times[0] == 8 * 3_600_000, "another zone is another announcement"


def test_a_rows_time_that_summer_time_leaves_out_is_told(notifier: Notifier) -> None:
    rows = [{**PEOPLE[0], "send_at": "2099-03-29T01:30"}, PEOPLE[1]]
    with pytest.raises(BadInput, match=r"send_at.*does not exist: the clocks are put forward"):
        move(notifier, rows, timezone="Europe/Lisbon")


def test_a_zone_that_no_time_needs_is_refused(notifier: Notifier) -> None:
    with pytest.raises(BadInput, match="timezone: goes with between, at, expires or a column send_at"):
        move(notifier, PEOPLE, timezone="Asia/Shanghai")


def test_a_value_that_a_row_does_not_have_is_no_variable_for_it(notifier: Notifier, ledger: Ledger) -> None:
    text = "Dear {{ name }}{% if title is defined %}, {{ title }}{% endif %}"
    announced = move(notifier, [{**PEOPLE[0], "title": "Dr."}, PEOPLE[1]], text=text)
    spec = ledger.announcements.get(announced.id).spec
    contents = [found.row.message(spec).content for found in ledger.announcements.rows(announced.id)]
    assert contents == [{"text": "Dear Ada, Dr."}, {"text": "Dear Bob"}]
