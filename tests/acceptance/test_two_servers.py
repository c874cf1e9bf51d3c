"""One installation on two servers: its desks are spread over them, and each has workers of its own."""

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
import requests

from ledger.embedded import EmbeddedValkey
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings
from ledger.spread_ledger import open_ledgers
from ledger.states import Outcome, State
from tests.acceptance.installation import Installation, eventually
from tests.acceptance.sandbox_process import APP_ID, APP_SECRET, HELPDESK_ID, HELPDESK_TOKEN
from tests.acceptance.web_process import WebProcess
from tests.power.disk import NoCompiler
from tests.power.valkey import CuttableValkey

DESK = f"""[desk.hr]
app_id = "{APP_ID}"
app_secret = "{APP_SECRET}"
helpdesk_id = "{HELPDESK_ID}"
helpdesk_token = "{HELPDESK_TOKEN}"
"""


class TwoServers:
    """The desk `default` is at home, the desk `hr` on the second server."""

    def __init__(self, site: Installation, second: EmbeddedValkey, url: str) -> None:
        self.site, self.second, self.url = site, second, url
        self.settings = Settings(
            data_dir=site.folder / "data",
            desks=Path(site.environment["DESKBELL_DESKS"]),
            rate="unlimited",
            _env_file=None,
        )
        self.ledger = open_ledgers(self.settings)
        self.home, self.other = self.ledger.servers

    def start_workers(self) -> None:
        self.site.start_worker()
        self.site.start_worker(DESKBELL_SERVER=self.url)
        eventually(lambda: all(map(_reports, self.ledger.servers)), 30, "a worker on each server")

    def send(self, desk: str, receiver: str, *more: str) -> str:
        done = self.site.deskbell_json("send", "--to", receiver, "--text", "hello", "--desk", desk, *more)
        return str(done["id"])

    def state(self, id: str) -> str:
        return str(self.site.deskbell_json("show", id)["state"])

    def accept(self, desk: str, number: int) -> list[str]:
        events = [{"receiver_id": f"ou_{desk}-{n}", "text": "hello", "desk": desk} for n in range(number)]
        return [accepted.id for accepted in self.ledger.accept([Notification.build(event) for event in events])]

    def rests(self, desk: str) -> bool:
        """Whether nothing of it is on its way."""
        try:
            counts = self.ledger.counts(desk)
        except (redis.ConnectionError, redis.TimeoutError):
            return False
        return not any(counts[state] for state in (State.QUEUED, State.SENDING, State.DEFERRED, State.SCHEDULED))

    def kill_second(self) -> None:
        if self.second.pid is None:
            raise RuntimeError("it does not run")
        os.kill(self.second.pid, signal.SIGKILL)
        self.second.stop()


def _reports(server: Ledger) -> bool:
    return bool(server.redis.zcard(server.keys.workers))


@contextmanager
def two_servers(folder: Path, kind: Callable[[Settings], EmbeddedValkey] = EmbeddedValkey) -> Iterator[TwoServers]:
    second = kind(Settings(data_dir=folder / "second", _env_file=None))
    url = f"unix://{second.socket_path}"
    desks = folder / "desks.toml"
    desks.write_text(f'{DESK}redis = "{url}"\n', "utf-8")
    second.start()
    try:
        with Installation(folder, workers=0, DESKBELL_DESKS=str(desks)) as site:
            both = TwoServers(site, second, url)
            try:
                yield both
            finally:
                both.ledger.close()
    finally:
        second.stop()


@pytest.fixture
def both(tmp_path: Path) -> Iterator[TwoServers]:
    with two_servers(tmp_path) as found:
        yield found


def test_each_desk_sends_from_its_own_server(both: TwoServers) -> None:
    both.start_workers()
    at_home, there = both.send("default", "ou_ann"), both.send("hr", "ou_bob", "--wait", "30")
    eventually(lambda: both.state(at_home) == "delivered", 10, "delivered at home")
    assert both.state(there) == "delivered"
    assert [both.ledger.with_record(id) for id in (at_home, there)] == [both.home, both.other]
    assert both.home.get_known([there]) == both.other.get_known([at_home]) == []
    listed = both.site.deskbell_json("list", "--notifications")
    assert [each["id"] for each in listed] == [there, at_home]
    checks = {check["name"]: check["status"] for check in both.site.deskbell_json("doctor")["checks"]}
    assert checks["workers"] == checks[f"workers {both.url}"] == "ok"


def test_an_announcement_is_steered_wherever_it_is(both: TwoServers, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("receiver_id\n" + "".join(f"ou_{number}\n" for number in range(30)), "utf-8")
    options = ("announce", str(people), "--text", "hello", "--desk", "hr", "--yes")
    id = both.site.deskbell_json(*options)["id"]
    assert both.other.announcements.get(id).total == 30
    assert both.site.deskbell_json("pause", id)["state"] == "paused"
    both.start_workers()
    assert both.site.deskbell_json("resume", id)["state"] == "running"
    eventually(lambda: both.state(id) == "finished", 20, "finished")
    assert both.site.deskbell_json("show", id)["counts"]["delivered"] == 30
    again = both.site.deskbell_json(*options)
    assert again["id"] == id
    assert again["duplicate"]
    [listed] = both.site.deskbell_json("list")
    assert listed["id"] == id
    audit = both.site.deskbell("audit", "--json").stdout.splitlines()
    assert [json.loads(line)["did"] for line in audit] == ["announce", "pause", "resume"]
    assert both.site.deskbell("doctor", "--ledger").returncode == 0


def test_http_accepts_for_all_desks(both: TwoServers, tmp_path: Path) -> None:
    both.start_workers()
    with WebProcess(tmp_path, both.site.environment) as web:
        items = [{"receiver_id": f"ou_{n}", "text": "x", "desk": desk} for n, desk in enumerate(("default", "hr") * 3)]
        answer = requests.post(f"{web.url}/v1/notifications", json={"notifications": items}, timeout=30)
        assert answer.status_code == 202
        assert answer.json()["accepted"] == 6
        ids = [result["id"] for result in answer.json()["results"]]
        assert [both.ledger.with_record(id) for id in ids] == [both.home, both.other] * 3
        states: dict[str, str] = {}

        def are_delivered() -> bool:
            listed = requests.get(f"{web.url}/v1/notifications", timeout=30).json()["notifications"]
            states.update({each["id"]: each["state"] for each in listed})
            return all(states.get(id) == "delivered" for id in ids)

        eventually(are_delivered, 20, "all delivered")

        def metrics_of_both() -> str | None:
            """A busy server beside the home may not answer in the time that a scrape has for it."""
            told = requests.get(f"{web.url}/metrics", timeout=30).text
            return told if told.count("deskbell_workers{") == 2 else None

        metrics = eventually(metrics_of_both, 20, "the metrics of both")
        assert metrics.count("# TYPE deskbell_workers ") == 1
        page = requests.get(f"{web.url}/console/", timeout=30).text
        assert "default" in page
        assert "hr" in page
        assert requests.get(f"{web.url}/console/notifications/{ids[1]}", timeout=30).status_code == 200


def test_a_server_that_is_away_stops_its_own_desks_alone(both: TwoServers, tmp_path: Path) -> None:
    both.start_workers()
    waits = both.send("hr", "ou_before", "--at", "1h")
    with WebProcess(tmp_path, both.site.environment) as web:
        both.kill_second()
        sent = both.send("default", "ou_ann", "--wait", "30")
        assert both.state(sent) == "delivered"
        refused = both.site.deskbell("send", "--to", "ou_bob", "--text", "x", "--desk", "hr")
        assert refused.returncode == 3
        assert both.url in refused.stderr
        items = [{"receiver_id": "ou_x", "text": "x", "desk": desk} for desk in ("default", "hr")]
        batch = requests.post(f"{web.url}/v1/notifications", json={"notifications": items}, timeout=60).json()
        accepted, failed = batch["results"]
        assert "id" in accepted
        assert failed["problem"]["status"] == 503
        assert both.url in failed["problem"]["detail"]
        ready = requests.get(f"{web.url}/readyz", timeout=30)
        assert ready.status_code == 200
        assert any(both.url in check["name"] for check in ready.json()["checks"])
        page = requests.get(f"{web.url}/console/", timeout=30)
        assert page.status_code == 200
        assert both.url in page.text
        metrics = requests.get(f"{web.url}/metrics", timeout=30).text
        assert f'deskbell_ledger_up{{server="{both.url}"}} 0.0' in metrics
        doctor = both.site.deskbell("doctor", "--json")
        assert doctor.returncode == 3
        assert both.url in doctor.stdout
        both.second.start()
        assert both.state(waits) == "scheduled"
        there = both.send("hr", "ou_bob", "--wait", "60")
        assert both.state(there) == "delivered"


def test_a_power_cut_of_one_server_loses_nothing_and_repeats_nothing_unseen(tmp_path: Path) -> None:
    try:
        made = CuttableValkey(Settings(data_dir=tmp_path / "second", _env_file=None))
    except NoCompiler as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
    with two_servers(tmp_path, lambda _: made) as both:
        both.start_workers()
        ids = {desk: both.accept(desk, 60) for desk in ("default", "hr")}
        eventually(lambda: both.ledger.counts("hr")[State.DELIVERED] >= 5, 20, "some sent")
        made.cut_power()
        made.start()
        eventually(lambda: both.rests("hr") and both.rests("default"), 120, "all at rest")
        records = both.ledger.get_many([*ids["default"], *ids["hr"]])
        assert len(records) == 120
        calls = Counter(call["receiver_id"] for call in both.site.sandbox.calls() if call["delivered"])
        for record in records:
            unknown = sum(attempt.outcome is Outcome.UNKNOWN for attempt in record.progress.attempts)
            often = calls[str(record.notification.receiver_id)]
            assert often <= 1 + unknown, record.id
            assert often >= 1 or record.progress.state is State.UNKNOWN, record.id
        assert all(calls[f"ou_default-{number}"] == 1 for number in range(60))
        assert both.site.deskbell("doctor", "--ledger").returncode == 0


def test_doctor_finds_what_a_moved_desk_has_left_behind(both: TwoServers) -> None:
    left = both.send("hr", "ou_bob")
    desks = Path(both.site.environment["DESKBELL_DESKS"])
    written = desks.read_text("utf-8")
    other = written.replace("[desk.hr]", "[desk.it]")
    desks.write_text(f"{written.partition('redis =')[0]}\n{other}", "utf-8")
    doctor = both.site.deskbell("doctor", "--json")
    assert doctor.returncode == 1
    assert "has 1 notification or draft left on" in doctor.stdout
    assert both.url in doctor.stdout
    assert both.state(left) == "queued"
    desks.write_text(written, "utf-8")
    both.start_workers()
    eventually(lambda: both.state(left) == "delivered", 20, "delivered after the desk is back")


def test_doctor_warns_of_a_server_that_is_named_no_longer(both: TwoServers) -> None:
    both.start_workers()
    assert both.site.deskbell("doctor").returncode == 0
    desks = Path(both.site.environment["DESKBELL_DESKS"])
    written = desks.read_text("utf-8")
    desks.write_text(written.partition("redis =")[0], "utf-8")
    checks = both.site.deskbell_json("doctor")["checks"]
    [warned] = [check for check in checks if check["name"] == "servers"]
    assert warned["status"] == "warn"
    assert both.url in warned["found"]
    desks.write_text(written, "utf-8")
    assert "servers" not in {check["name"] for check in both.site.deskbell_json("doctor")["checks"]}


def test_a_worker_refuses_a_server_without_desks(both: TwoServers) -> None:
    worker = both.site.start_worker(DESKBELL_SERVER="redis://nowhere:6379/0")
    assert worker.wait(30) != 0
    assert "DESKBELL_SERVER: no desk is on redis://nowhere:6379/0" in worker.log.read_text("utf-8")
