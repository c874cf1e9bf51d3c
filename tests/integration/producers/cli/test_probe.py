"""`deskbell probe`: a live test of a tenant, with the sandbox for Feishu and the real parts of a worker."""

import io
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from ledger.audit_log import recent_actions
from ledger.settings import Settings
from ledger.states import State
from ledger.ticket_codes import learn_ticket_code, learnt_ticket_codes
from producers.cli.command_line import run
from tests.integration.worker.delivering import DeskAtWork, desk_at_work

Output = pytest.CaptureFixture[str]
CREDENTIALS = {
    "APP_ID": "cli_sandbox",
    "APP_SECRET": "sandbox-secret",
    "HELPDESK_ID": "1000000000000000000",
    "HELPDESK_TOKEN": "ht-sandbox",
}


class Site:
    """A desk whose worker delivers in a thread, and the commands beside it."""

    def __init__(self, at_work: DeskAtWork, capsys: Output) -> None:
        self.ledger, self._at_work, self._capsys = at_work.ledger, at_work, capsys
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._deliver, daemon=True)

    def probe(self, *arguments: str, expected: int = 0) -> dict[str, Any]:
        assert run(["probe", "--to", "li.na@acme.example", "--json", *arguments]) == expected
        self.said = self._capsys.readouterr()
        found: dict[str, Any] = json.loads(self.said.out)
        return found

    def order(self, *rules: dict[str, Any]) -> None:
        url = f"{self.ledger.settings.feishu_url}/sandbox/faults"
        requests.post(url, json=list(rules), timeout=60).raise_for_status()

    def report(self) -> None:
        """As a worker does, so that the commands find one."""
        self.ledger.redis.zadd(self.ledger.keys.workers, {"vm:1:16": time.time() * 1000})

    def stop(self) -> None:
        self._stopping.set()
        self.thread.join(60)

    def _deliver(self) -> None:
        while not self._stopping.wait(0.02):
            self.report()
            self._at_work.deliver()
        self._at_work.runtime.delivery("default")._feishu.close()  # type: ignore[attr-defined]


@contextmanager
def site_of(
    monkeypatch: pytest.MonkeyPatch, capsys: Output, valkey: Settings, *options: str, working: bool = True
) -> Iterator[Site]:
    with desk_at_work(valkey, *options) as at_work:
        values = {"REDIS_URL": str(valkey.redis), "FEISHU_URL": at_work.ledger.settings.feishu_url, **CREDENTIALS}
        for name, value in values.items():
            monkeypatch.setenv(f"DESKBELL_{name}", value)
        site = Site(at_work, capsys)
        if working:
            site.report()
            site.thread.start()
        try:
            yield site
        finally:
            if working:
                site.stop()
    for client in (at_work.ledger.redis, at_work.runtime.redis):
        client.connection_pool.disconnect()  # two threads have used them


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, capsys: Output, empty_valkey: Settings) -> Iterator[Site]:
    with site_of(monkeypatch, capsys, empty_valkey) as site:
        yield site


def steps_of(found: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {step["step"]: (step["http_status"], step["code"]) for step in found["steps"]}


def test_two_messages_are_sent_and_their_readers_asked_for(site: Site, capsys: Output) -> None:
    found = site.probe()
    assert steps_of(found) == {
        "user": (200, 0),
        "chat": (200, 0),
        "read_users of user": (400, 230012),
        "read_users of chat": (400, 230012),
    }
    assert (found["answers"]["read_users_of_user"], found["close_by_hand"]) == (False, False)
    assert [entry.did for entry in recent_actions(site.ledger, 9)] == ["probe"]
    assert run(["audit"]) == 0
    assert re.fullmatch(r"\S+Z\t\S+\tprobe\tdefault\n", capsys.readouterr().out)
    assert site.ledger.counts("default")[State.DELIVERED] == 2  # on record, as any send


def test_an_opened_ticket_teaches_its_code_to_all_workers(site: Site) -> None:
    found = site.probe("--open-ticket", "--yes")
    assert steps_of(found)["chat beside the ticket"] == (401, 154405)
    assert steps_of(found)["user beside the ticket"] == (200, 0)
    answers = found["answers"]
    assert (answers["ticket_stage"], answers["ticket_blocks_chat"], answers["ticket_code"]) == ("bot", True, 154405)
    assert answers["ticket_is_listed"] is True
    assert (found["learnt"], found["close_by_hand"]) == ([154405], True)
    assert "ends the conversation" in site.said.err
    assert learnt_ticket_codes(site.ledger.redis, site.ledger.keys, "default") == {154405}
    assert "learn ticket code 154405" in [entry.did for entry in recent_actions(site.ledger, 9)]
    again = site.probe(expected=0)  # the ticket is still open
    assert (again["answers"]["had_ticket"], again["learnt"]) == (True, [])
    assert run(["probe", "--forget-codes"]) == 0
    assert learnt_ticket_codes(site.ledger.redis, site.ledger.keys, "default") == frozenset()


def test_nothing_is_written_without_a_yes(site: Site) -> None:
    site.probe("--open-ticket", "--yes")
    run(["probe", "--forget-codes"])
    found = site.probe()
    assert (found["answers"]["ticket_code"], found["learnt"]) == (154405, [])
    assert "DESKBELL_TICKET_CODES=154405" in site.said.err


@pytest.mark.parametrize("is_wanted", [True, False])
def test_a_person_is_asked_before_a_ticket_is_opened_and_a_code_is_kept(
    site: Site, monkeypatch: pytest.MonkeyPatch, is_wanted: bool
) -> None:
    terminal = io.StringIO("y\ny\n" if is_wanted else "n\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    found = site.probe("--open-ticket")
    assert (found["close_by_hand"], found["learnt"]) == ((True, [154405]) if is_wanted else (False, []))
    asked = re.findall(r"(\w+) [^\[\]\n]* \[[Yy]/[Nn]\]", site.said.err)
    assert asked == (["Open", "Keep"] if is_wanted else ["Open"])
    assert terminal.read() == ""


@pytest.mark.parametrize("code", [154000, 154004, 154005, 154401, 155000, 230027, 230035])
def test_each_code_of_a_chat_beside_a_ticket_is_learnt(
    monkeypatch: pytest.MonkeyPatch, capsys: Output, empty_valkey: Settings, code: int
) -> None:
    with site_of(monkeypatch, capsys, empty_valkey, "--ticket-open-answer", f"400:{code}") as site:
        found = site.probe("--open-ticket", "--yes")
        assert (steps_of(found)["chat beside the ticket"], found["learnt"]) == ((400, code), [code])


def test_a_ticket_that_blocks_nothing_teaches_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: Output, empty_valkey: Settings
) -> None:
    with site_of(monkeypatch, capsys, empty_valkey, "--bot-stage-passes", "--read-users") as site:
        found = site.probe("--open-ticket", "--yes")
        assert (found["answers"]["ticket_blocks_chat"], found["learnt"]) == (False, [])
        assert found["answers"]["read_users_of_user"] is True
        human = site.probe("--open-ticket", "--human", "--yes")
        assert (human["answers"]["ticket_stage"], human["learnt"]) == ("human", [154405])


@pytest.mark.parametrize("code", [154000, 154003, 154402, 155000])
def test_a_refused_start_of_service_ends_it(site: Site, code: int) -> None:
    site.order({"match": {"path": "start_service"}, "do": {"code": code}})
    found = site.probe("--open-ticket", "--yes")
    assert (steps_of(found)["start_service"][1], list(steps_of(found))[-1]) == (code, "start_service")
    assert (found["close_by_hand"], found["learnt"]) == (False, [])


def test_a_message_that_is_refused_is_told_and_makes_it_fail(site: Site) -> None:
    site.order({"do": {"code": 230013}})
    found = site.probe(expected=4)
    assert steps_of(found) == {"user": (400, 230013), "chat": (400, 230013)}


def test_what_would_be_tried_again_is_not(site: Site) -> None:
    site.order({"match": {"receive_type": "user"}, "do": {"answer": {"status": 200, "code": 2200, "msg": "?"}}})
    found = site.probe(expected=4)
    assert steps_of(found)["user"] == (200, 2200)
    assert site.ledger.counts("default")[State.CANCELLED] == 1


def test_what_was_maybe_sent_is_not_sent_again(site: Site) -> None:
    site.order({"match": {"receive_type": "user"}, "times": 1, "do": {"cut": "after"}})
    found = site.probe(expected=4)
    assert "the whole request had left" in found["steps"][0]["ended"]
    assert site.ledger.counts("default")[State.UNKNOWN] == 1


def test_the_report_names_nobody(site: Site) -> None:
    site.order(
        {"match": {"receive_type": "chat"}, "do": {"answer": {"status": 400, "code": 154000, "msg": "ou_li.na"}}}
    )
    site.probe("--open-ticket", "--yes", expected=4)
    for secret in ("li.na", "ou_", "om_", "oc_", "cli_", "ht-sandbox", "1000000000000000000", "sandbox-secret"):
        assert secret not in site.said.out


def test_without_a_worker_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: Output, empty_valkey: Settings
) -> None:
    with site_of(monkeypatch, capsys, empty_valkey, working=False) as site:
        assert run(["probe", "--to", "li.na@acme.example"]) == 1
        assert "no worker is running" in capsys.readouterr().err
        assert sum(site.ledger.counts("default").values()) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give one person"),
        (["--to", "nobody@acme.example"], "nobody has this address"),
        (["--to", "deng.chao@acme.example"], "paused by an administrator"),
        (["--to", "li.na@acme.example", "--human"], "--open-ticket"),
        (["--to", "li.na@acme.example", "--open-ticket"], "--yes"),
    ],
)
def test_what_cannot_be_tested_is_refused(site: Site, capsys: Output, arguments: list[str], said: str) -> None:
    assert run(["probe", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert sum(site.ledger.counts("default").values()) == 0


def test_workers_reroute_by_a_learnt_code(
    monkeypatch: pytest.MonkeyPatch, capsys: Output, empty_valkey: Settings
) -> None:
    """A code that says nothing by itself, and no list to ask: the reroute rests on the code alone."""
    with site_of(monkeypatch, capsys, empty_valkey, "--ticket-open-answer", "400:230035", working=False) as site:
        site.order({"match": {"path": "tickets"}, "do": {"code": 154003}})
        url = f"{site.ledger.settings.feishu_url}/sandbox/tickets"
        requests.post(url, json={"guest_id": "ou_ada", "status": 2}, timeout=60).raise_for_status()
        at_work = site._at_work
        [before] = [at_work.send("ou_ada"), *at_work.deliver()][:1]
        learn_ticket_code(site.ledger, "default", 230035, "ada")
        [after] = [at_work.send("ou_ada"), *at_work.deliver()][:1]
        assert [site.ledger.get(id).progress.state for id in (before, after)] == [State.FAILED, State.DELIVERED]
