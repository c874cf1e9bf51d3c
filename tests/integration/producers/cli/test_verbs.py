"""The verbs over a real Valkey. No worker runs: what one would do, the tests do with the ledger's own verbs."""

import json
import os
import pty
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from PIL import Image

from ledger.delivery_options import ReceiveType
from ledger.leases import Leases, Result
from ledger.ledger import Ledger
from ledger.progress import Attempt
from ledger.settings import Settings
from ledger.states import Outcome, State
from producers.cli.command_line import run
from producers.cli.follow import changes
from tests import forking

__all__: list[str] = []

pytestmark = pytest.mark.timeout(120)  # one that follows a notification would follow it for ever

Output = pytest.CaptureFixture[str]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, empty_valkey: Settings) -> Settings:
    monkeypatch.setenv("DESKBELL_REDIS_URL", str(empty_valkey.redis))
    monkeypatch.setenv("DESKBELL_RATE", "unlimited")
    return Settings.from_env()


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    with redis.Redis.from_url(str(settings.redis)) as client:
        yield Ledger(settings, client)


class Worker:
    """Gives every waiting notification the same end."""

    def __init__(self, ledger: Ledger) -> None:
        self._leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000)
        self._desk = ledger.settings.desk("default")

    def end_all(self, to: State, outcome: Outcome, code: int | None = None, msg: str | None = None) -> None:
        [released] = self._leases.release([(self._desk, 100, 100)])
        _, claims = self._leases.claim(self._desk, "token", released.ids)
        attempt = Attempt(1_763_800_000_000, ReceiveType.CHAT, outcome, code, 400 if code else 200, msg=msg)
        results = [Result(claim.id, to, [attempt]) for claim in claims]
        self._leases.record(self._desk, "token", results, "up")

    def deliver_all(self) -> None:
        self.end_all(State.DELIVERED, Outcome.DELIVERED)

    def fail_all(self) -> None:
        self.end_all(State.FAILED, Outcome.REFUSED, 154004, "[no] such \x1b[2Jperson")

    def lose_all(self) -> None:
        self.end_all(State.UNKNOWN, Outcome.UNKNOWN)


@pytest.fixture
def worker(ledger: Ledger) -> Worker:
    return Worker(ledger)


@contextmanager
def soon(act: Callable[[], None]) -> Iterator[None]:
    """Runs `act` when the body has looked once and waits for a change, however busy the machine is."""
    acts = iter([act])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(changes.__kwdefaults__, "sleep", lambda _: next(acts)())
        yield


def send(capsys: Output, *arguments: str, to: str = "ou_ada") -> str:
    assert run(["send", "--to", to, "--text", "hi", *arguments]) == 0
    return capsys.readouterr().out.strip()


def shown(capsys: Output, id: str) -> dict[str, Any]:
    assert run(["show", id, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_send_prints_the_id_alone(settings: Settings, capsys: Output) -> None:
    assert run(["send", "--to", "ou_ada", "--text", "hi"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("n_")
    assert (out.count("\n"), err) == (1, "")


def test_send_takes_every_option_into_the_record(settings: Settings, ledger: Ledger, capsys: Output) -> None:
    options = ["--receive-type", "user", "--user-id-type", "union_id", "--key", "k", "--at", "1h", "--expires", "2h"]
    id = send(capsys, *options, "--on-unknown", "hold", "--on-open-ticket", "wait", to="on_ada")
    notification = ledger.get(id).notification
    assert (notification.receive_type, notification.user_id_type) == ("user", "union_id")
    assert (notification.on_unknown, notification.on_open_ticket) == ("hold", "wait")
    facts = shown(capsys, id)
    assert (facts["state"], facts["key"], facts["receiver_id"]) == ("scheduled", "k", "on_ada")
    assert facts["expires_at"] is not None


def test_send_json_is_an_object_for_one_and_a_list_for_several(settings: Settings, capsys: Output) -> None:
    one = json.loads(send(capsys, "--json"))
    assert one == {"id": one["id"], "state": "queued", "duplicate": False}
    several = json.loads(send(capsys, "--json", to="ou_ada,ou_bob"))
    assert [set(each) for each in several] == [{"id", "state", "duplicate"}] * 2


def test_a_key_is_accepted_once_for_each_receiver(settings: Settings, capsys: Output) -> None:
    first = send(capsys, "--key", "k", to="ou_ada,ou_bob").split()
    assert run(["send", "--to", "ou_bob,ou_ada", "--text", "hi", "--key", "k"]) == 0
    out, err = capsys.readouterr()
    assert out.split() == first[::-1]
    assert err.count("was already accepted with this key") == 2
    assert run(["send", "--to", "ou_ada,ou_bob", "--text", "other", "--key", "k"]) == 2
    assert "k/ou_ada" in capsys.readouterr().err


def test_a_message_file_with_a_local_image_brings_its_bytes(
    settings: Settings, ledger: Ledger, tmp_path: Path, capsys: Output
) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "poster.png")
    (tmp_path / "m.yaml").write_text("msg_type: image\ncontent: {file: poster.png}\n")
    assert run(["send", "--to", "ou_ada", "--message", str(tmp_path / "m.yaml")]) == 0
    sha256 = ledger.get(capsys.readouterr().out.strip()).notification.message.image_sha256
    assert ledger.redis.get(ledger.keys.image(str(sha256))) == (tmp_path / "poster.png").read_bytes()


def test_wait_ends_with_0_when_it_is_delivered(settings: Settings, worker: Worker, capsys: Output) -> None:
    with soon(worker.deliver_all):
        assert run(["send", "--to", "ou_ada", "--text", "hi", "--wait", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "delivered"


@pytest.mark.parametrize(
    ("end", "said"),
    [(Worker.fail_all, "failed: 154004 "), (Worker.lose_all, "may have been sent: the answer to the call was lost ")],
)
def test_wait_ends_with_4_and_says_why_when_it_is_not_delivered(
    settings: Settings, worker: Worker, capsys: Output, end: Any, said: str
) -> None:
    with soon(lambda: end(worker)):
        assert run(["send", "--to", "ou_ada", "--text", "hi", "--wait", "20", "--on-unknown", "hold"]) == 4
    out, err = capsys.readouterr()
    assert f"{out.strip()} {said}" in err


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "en",
            (
                "desk default is held: send: refused: invalid app_id",
                "App id or app secret is empty or wrong",
                "no worker is running",
            ),
        ),
        ("zh", ("服务台 default 已停止发送", "App ID 或 App Secret 为空或填错", "没有工作进程在运行")),
    ],
)
def test_wait_names_the_hold_and_what_its_code_means(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: Output, language: str, told: tuple[str, ...]
) -> None:
    monkeypatch.setenv("DESKBELL_LANG", language)
    leases = Leases(ledger.redis, ledger.settings, longest_call_ms=1000)
    leases.hold(
        ledger.settings.desk("default"), "credentials", 60_000, "send: refused: invalid app_id", None, (10003, 400)
    )
    assert run(["send", "--to", "ou_ada", "--text", "x", "--wait", "0.2"]) == 4
    err = capsys.readouterr().err
    assert [part for part in told if part not in err] == []


def test_wait_tells_the_time_that_is_waited_for(settings: Settings, capsys: Output) -> None:
    assert run(["send", "--to", "ou_ada", "--text", "x", "--at", "2h", "--wait", "0.2"]) == 4
    assert " is still scheduled: it waits until " in capsys.readouterr().err


def test_wait_ends_with_4_and_the_ids_when_the_time_is_up(settings: Settings, capsys: Output) -> None:
    assert run(["send", "--to", "ou_ada,ou_bob", "--text", "hi", "--wait", "0.1", "--json"]) == 4
    out, err = capsys.readouterr()
    assert [each["state"] for each in json.loads(out)] == ["queued", "queued"]
    assert err.count(" is still queued: no worker is running") == 2


def test_show_tells_every_fact_but_the_message(settings: Settings, worker: Worker, capsys: Output) -> None:
    assert run(["send", "--to", "ou_ada", "--text", "the secret plan"]) == 0
    id = capsys.readouterr().out.strip()
    worker.fail_all()
    facts = shown(capsys, id)
    assert (facts["state"], facts["error"]["code"], len(facts["attempts"])) == ("failed", 154004, 1)
    assert run(["show", id]) == 0
    out = capsys.readouterr().out
    assert "state: failed\n" in out
    assert "error: 154004 [no] such" in out
    assert "outcome=refused code=154004" in out
    assert "secret plan" not in out + str(facts)
    assert "\x1b" not in out


@pytest.mark.parametrize(
    "arguments",
    [("show",), ("watch",), ("retry",), ("cancel",), ("resolve", "--as", "delivered")],
)
def test_an_unknown_id_exits_with_5(settings: Settings, capsys: Output, arguments: tuple[str, ...]) -> None:
    assert run([*arguments, "n_nowhere"]) == 5
    assert capsys.readouterr().err == "deskbell: no such id: n_nowhere\n"


def test_list_finds_events_and_rows_by_a_text(
    settings: Settings, ledger: Ledger, capsys: Output, tmp_path: Path
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("receiver_id,Full name,E-mail\n" + "".join(f"ou_{n},Person {n},p{n}@x.com\n" for n in range(300)))
    assert run(["announce", str(people), "--text", "hi", "--yes"]) == 0
    event = send(capsys, "--key", "P77@x.com").split()[-1]
    assert run(["list", "--notifications", "--find", "p77@X", "--ids"]) == 0
    out, err = capsys.readouterr()
    [found_event, row] = out.split()
    assert (found_event, row.endswith("-77")) == (event, True)
    assert "looked at 300 of 300 rows and 1 of 1 events" in err
    assert run(["list", "--notifications", "--find", "person", "--limit", "70", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["line"] for each in found] == list(range(2, 72))
    assert found[0]["person"] == {"Full name": "Person 0", "E-mail": "p0@x.com"}
    assert run(["show", row]) == 0
    assert "person: Full name: Person 77, E-mail: p77@x.com\n" in capsys.readouterr().out
    for wrong in (["--notifications", "--find", "x"], ["--find", "person"]):
        assert run(["list", *wrong]) == 2


def test_list_gives_ids_newest_first_by_state_and_up_to_a_limit(
    settings: Settings, worker: Worker, capsys: Output
) -> None:
    failed = send(capsys)
    worker.fail_all()
    waiting = [send(capsys, to=to) for to in ("ou_bob", "ou_cid")]
    assert run(["list", "--notifications", "--ids"]) == 0
    assert capsys.readouterr().out.split() == [*waiting[::-1], failed]
    assert run(["list", "--notifications"]) == 0
    first, *_, last = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert first[:6] == [waiting[-1], "queued", "ou_cid", "", "0", ""]
    assert last[:6] == [failed, "failed", "ou_ada", "chat", "1", "154004"]
    assert run(["list", "--notifications", "--state", "failed", "--json"]) == 0
    assert [record["id"] for record in json.loads(capsys.readouterr().out)] == [failed]
    assert run(["list", "--notifications", "--limit", "2"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert "more than 2" in err


def test_list_by_receiver_key_code_and_desk(settings: Settings, worker: Worker, capsys: Output) -> None:
    failed = send(capsys, "--key", "k-1")
    worker.fail_all()
    other = send(capsys, to="ou_bob")
    for options, ids in (
        (("--receiver", "ou_ada"), [failed]),
        (("--receiver", "ou_bob"), [other]),
        (("--receiver", "ou_b"), []),
        (("--key", "k-1"), [failed]),
        (("--code", "154004"), [failed]),
        (("--desk", "default"), [other, failed]),
        (("--desk", "hr"), []),
        (("--receiver", "ou_ada", "--state", "queued"), []),
    ):
        assert run(["list", "--notifications", "--ids", *options]) == 0
        assert capsys.readouterr().out.split() == ids, options
    assert run(["list", "--receiver", "ou_ada"]) == 2
    assert "receiver: goes with --notifications" in capsys.readouterr().err


def test_watch_tells_each_state_until_it_rests(settings: Settings, worker: Worker, capsys: Output) -> None:
    id = send(capsys)
    with soon(worker.deliver_all):
        assert run(["watch", id]) == 0
    assert capsys.readouterr().out.splitlines() == ["queued", "delivered (attempt 1 by chat: delivered)"]
    assert run(["watch", id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "delivered"


def test_retry_takes_failed_ones_back_and_says_who_did_it(settings: Settings, worker: Worker, capsys: Output) -> None:
    id = send(capsys)
    worker.fail_all()
    assert run(["retry", id]) == 0
    assert capsys.readouterr().out == f"{id}\n"
    facts = shown(capsys, id)
    assert (facts["state"], facts["acts"][0]["did"]) == ("queued", "retry")
    assert "@" in facts["acts"][0]["by"]


def test_retry_takes_unknown_ones_only_when_told(settings: Settings, worker: Worker, capsys: Output) -> None:
    id = send(capsys, "--on-unknown", "hold")
    worker.lose_all()
    assert run(["retry", id]) == 2
    assert capsys.readouterr().err == f"deskbell: cannot retry {id}: it is unknown\n"
    assert run(["retry", id, "--state", "unknown", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"id": id, "state": "queued"}


def test_cancel_goes_on_past_one_that_it_cannot_cancel(settings: Settings, worker: Worker, capsys: Output) -> None:
    delivered = send(capsys)
    worker.deliver_all()
    waiting = send(capsys)
    assert run(["cancel", delivered, "n_nowhere", waiting, waiting, "--json"]) == 2
    out, err = capsys.readouterr()
    assert [result.get("state") for result in json.loads(out)] == [None, None, "cancelled"]
    assert err.splitlines() == [
        f"deskbell: cannot cancel {delivered}: it is delivered",
        "deskbell: no such id: n_nowhere",
    ]


@pytest.mark.parametrize(("outcome", "state"), [("delivered", "delivered"), ("failed", "failed"), ("resend", "queued")])
def test_resolve_settles_what_was_maybe_sent(
    settings: Settings, worker: Worker, capsys: Output, outcome: str, state: str
) -> None:
    id = send(capsys, "--on-unknown", "hold")
    worker.lose_all()
    assert run(["resolve", id, "--as", outcome, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"id": id, "state": state}


def test_desks_tell_their_hold_and_resume_ends_it(settings: Settings, ledger: Ledger, capsys: Output) -> None:
    leases = Leases(ledger.redis, settings, longest_call_ms=1000)
    leases.hold(settings.desk("default"), "credentials", 60_000, "code 154001")
    assert run(["desks", "--json"]) == 0
    [desk] = json.loads(capsys.readouterr().out)
    assert (desk["name"], desk["rate"]) == ("default", "unlimited")
    assert (desk["hold"]["kind"], desk["hold"]["reason"]) == ("credentials", "code 154001")
    for resumed in (True, False):
        assert run(["resume", "--desk", "default", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"desk": "default", "resumed": resumed}
    assert run(["resume", "--desk", "hr"]) == 2


def test_show_tells_of_a_desk_how_many_tickets_are_open_and_since_when_that_is_known(
    ledger: Ledger, capsys: Output
) -> None:
    assert run(["show", "default"]) == 0
    assert "tickets open: 0 (never checked)\n" in capsys.readouterr().out
    seconds, _ = ledger.redis.time()
    ledger.redis.zadd(ledger.keys.tickets("default"), {"ou_1": seconds * 1000, "ou_2": seconds * 1000})
    ledger.redis.hset(ledger.keys.desk("default"), "tickets_at", (seconds - 300) * 1000)
    assert run(["show", "default"]) == 0
    assert "tickets open: 2 (checked 5 min ago)\n" in capsys.readouterr().out
    assert run(["show", "default", "--json"]) == 0
    tickets = json.loads(capsys.readouterr().out)["tickets"]
    assert tickets["open"] == 2
    assert tickets["age_seconds"] == pytest.approx(300, abs=5)


def test_a_server_that_refuses_is_one_line_and_exit_1(settings: Settings, ledger: Ledger, capsys: Output) -> None:
    ledger.redis.set(ledger.keys.notification("n_odd"), "no hash")
    assert run(["show", "n_odd"]) == 1
    assert capsys.readouterr().err.startswith("deskbell: Redis refused: ")


def on_a_terminal(*arguments: str) -> str:
    """Runs `deskbell` with both streams on a terminal and gives what stood on it."""
    controller, terminal = pty.openpty()
    command = [Path(sys.executable).with_name("deskbell"), *arguments]
    environment = {**os.environ, "TERM": "dumb"}  # 80 columns
    with forking.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        output = b""
        while chunk := _read(controller):
            output += chunk
    os.close(controller)
    assert process.returncode == 0, output
    return output.decode()


def _read(controller: int) -> bytes:
    try:
        return os.read(controller, 65536)
    except OSError:  # Linux's way to say that the other end is closed
        return b""


def test_on_a_terminal_people_get_tables_with_brackets_and_without_control_characters(
    settings: Settings, worker: Worker, capsys: Output
) -> None:
    id = send(capsys)
    worker.fail_all()
    output = on_a_terminal("show", id)
    assert "Attempts" in output
    assert "[no] such �[2Jperson" in output
    assert f"{id}  failed" in on_a_terminal("list", "--notifications"), "an id must stay whole to be copied"
