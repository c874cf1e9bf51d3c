"""`deskbell retry` by what failed of what, and when."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.errors import BadInput
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.progress import Attempt
from ledger.settings import Settings
from ledger.states import Outcome, State
from producers.cli.command_line import run
from producers.cli.retry_many import time_past
from tests.integration.producers.cli.announcing_desk import Worker, announced

Output = pytest.CaptureFixture[str]
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch, empty_valkey: Settings) -> Iterator[Ledger]:
    monkeypatch.setenv("DESKBELL_REDIS_URL", str(empty_valkey.redis))
    monkeypatch.setenv("DESKBELL_RATE", "unlimited")
    opened = Ledger(Settings.from_env())
    yield opened
    opened.redis.close()


@pytest.fixture
def failed(ledger: Ledger) -> list[str]:
    """Three events that failed just now: of 154004, 155000 and 154004."""
    events = [Notification.build({"receiver_id": f"ou_{number}", "text": "hello"}) for number in range(3)]
    ids = [accepted.id for accepted in ledger.accept(events)]
    leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000)
    desk = ledger.settings.desk("default").model_copy(update={"rate": ()})
    leases.release([(desk, 10, 10)])
    leases.claim(desk, "t", ids)
    attempts = [[Attempt(1, None, Outcome.REFUSED, code=code)] for code in (154004, 155000, 154004)]
    leases.record(desk, "t", [Result(id, State.FAILED, made) for id, made in zip(ids, attempts, strict=True)], "")
    return ids


def test_those_of_a_code_and_a_time_wait_again(ledger: Ledger, failed: list[str], capsys: Output) -> None:
    assert run(["retry", "--code", "154004", "--since", "2h", "--desk", "default"]) == 0
    # They came to rest in the same ms, so that their order is that of their ids.
    assert capsys.readouterr().out.split() == sorted([failed[0], failed[2]])
    assert ledger.counts()[State.QUEUED] == 2

    assert run(["retry", "--since", "2h", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"id": failed[1], "state": "queued"}]


def test_of_an_announcement_those_rows_wait_again_that_failed_of_it(
    ledger: Ledger, failed: list[str], capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    id, worker = announced(capsys, "--yes"), Worker(ledger)
    worker.fail(1)
    worker.end(2, State.FAILED, Outcome.REFUSED, 154005)

    assert run(["retry", id, "--code", "154005", "--since", "1h", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"id": id, "rows": 2}
    assert ledger.announcements.get(id).counts[State.FAILED] == 1
    assert ledger.counts()[State.FAILED] == 3


def test_nothing_is_taken_back_when_none_is_meant(ledger: Ledger, failed: list[str], capsys: Output) -> None:
    assert run(["retry", "--until", "1h"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", "deskbell: no failed events match\n")
    assert ledger.counts()[State.FAILED] == 3


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("n_1", "--code", "154004"),
        ("a_1", "--code", "154004", "--desk", "default"),
        ("--since", "yesterday"),
        ("--since", "1h", "--until", "2h"),
        ("--desk", "nobody"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    ledger: Ledger, failed: list[str], capsys: Output, arguments: tuple[str, ...]
) -> None:
    assert run(["retry", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert ledger.counts()[State.FAILED] == 3


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (None, None),
        ("2h", datetime(2026, 11, 1, 10, tzinfo=UTC)),
        ("2026-10-31T09:00+08:00", datetime(2026, 10, 31, 1, tzinfo=UTC)),
    ],
)
def test_times_are_told_as_they_are_or_back_from_now(text: str | None, time: datetime | None) -> None:
    assert time_past("since", text, NOW) == time


def test_what_is_no_time_says_what_is() -> None:
    with pytest.raises(BadInput, match="since: 'soon' is not a valid time"):
        time_past("since", "soon", NOW)
