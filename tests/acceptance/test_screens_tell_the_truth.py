"""Each thing is broken, and every screen is looked at: nothing looks well, and no old number looks new."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from console.i18n import LANGUAGES
from ledger.connection import SCREEN_SECONDS
from ledger.vitals import UNSERVED_MS
from tests.acceptance.installation import Installation, eventually, soon
from tests.acceptance.test_clock_set import HOUR_MS, Clock
from tests.acceptance.web_process import WebProcess
from tests.calm import Stopwatch
from tests.valkey_process import ValkeyProcess

PAGES = ("/", "/needs", "/announcements", "/notifications", "/hooks")
#: A page, a probe or a command may take so long while Redis does not answer, seconds.
MOST_SECONDS = SCREEN_SECONDS + 1
#: What asks for a key of the API waits for this many answers of a frozen Redis; and a busy machine, seconds.
ANSWERS, PATIENCE_SECONDS = 2, 15
#: The metric of a desk that is held for this.
HELD = 'deskbell_desk_held{{desk="default",reason="{}"}} 1.0'


class Screens:
    """All that people and probes look at, in one installation."""

    def __init__(self, installation: Installation, web: WebProcess) -> None:
        self.installation, self.web = installation, web

    def page(self, path: str, language: str = "en") -> requests.Response:
        return requests.get(f"{self.web.url}/console{path}", headers={"accept-language": language}, timeout=60)

    def all_say(self, condition: str) -> None:
        """Every page has the condition in its health line, and none says that a desk is sending."""
        for path in PAGES:
            html = self.page(path).text
            assert f'data-condition="{condition}"' in html, path
            assert 'class="state running"' not in html, path

    def say(self, condition: str, severity: str, check: str, found: str, metric: str) -> None:
        """The condition on the pages, a word in `watch`, the check in `doctor` and `/readyz`, and a metric."""
        self.all_say(condition)
        assert f"{severity}: " in (watched := self.installation.deskbell("watch").stdout)
        assert found in watched
        doctor = self.installation.deskbell("doctor")
        assert re.search(rf"{severity} {check}: .*{found}", doctor.stdout), doctor.stdout
        assert doctor.returncode == bool(re.search("^fail ", doctor.stdout, re.MULTILINE)), doctor.stdout
        assert self.checks()[check] == severity
        assert metric in self.metrics().splitlines()

    def only_tell_that_redis_is_away(self) -> None:
        """The probes and commands, within their time, without a number."""
        ready = self.soon("/readyz")
        assert (ready.status_code, "redis: " in ready.text) == (503, True)
        metrics = self.soon("/metrics", ANSWERS * SCREEN_SECONDS + 2)
        assert metrics.status_code == 200
        samples = {line for line in metrics.text.splitlines() if not line.startswith("#")}
        assert samples == {"deskbell_ledger_up 0.0", 'deskbell_ledger_check{check="redis"} 2.0'}
        verbs = ("doctor", "watch", "list", "desks")
        with ThreadPoolExecutor() as threads:
            done = dict(zip(verbs, threads.map(self.installation.deskbell, verbs), strict=True))
        assert {verb: each.returncode for verb, each in done.items()} == dict.fromkeys(done, 3)
        assert "fail redis" in done["doctor"].stdout
        assert not any(each.stdout for verb, each in done.items() if verb != "doctor")
        posted = requests.post(f"{self.web.url}/v1/notifications", json={"receiver_id": "a", "text": "a"}, timeout=60)
        assert (posted.status_code, posted.json()["type"]) == (503, "urn:deskbell:problem:ledger-unreachable")
        assert posted.elapsed.total_seconds() < ANSWERS * SCREEN_SECONDS + PATIENCE_SECONDS

    def soon(self, path: str, seconds: float = MOST_SECONDS) -> requests.Response:
        watch = Stopwatch()
        answer = requests.get(self.web.url + path, timeout=60)
        assert watch.calm_seconds < seconds, path
        return answer

    def badge(self) -> int:
        found = re.search(r'class="badge"[^>]*>(\d+)', self.page("/").text)
        return int(found[1]) if found else 0

    def checks(self) -> dict[str, str]:
        answer = requests.get(f"{self.web.url}/readyz", timeout=60).json()
        return {check["name"]: check["status"] for check in answer["checks"]}

    def metrics(self) -> str:
        return requests.get(f"{self.web.url}/metrics", timeout=60).text


@pytest.fixture
def screens(new_installation: Callable[..., Installation]) -> Iterator[Callable[..., Screens]]:
    webs: list[WebProcess] = []

    def started(**options: object) -> Screens:
        installation = new_installation(**options)
        web = WebProcess(installation.folder, installation.environment)
        web.start()
        webs.append(web)
        return Screens(installation, web)

    yield started
    for web in webs:
        web.stop()


def test_without_a_worker_every_screen_says_that_nothing_is_sent(screens: Callable[..., Screens]) -> None:
    shown = screens(workers=0)
    assert shown.badge() == 0
    shown.installation.accept("ou_ada")
    ledger = shown.installation.ledger
    ledger.redis.zincrby(ledger.keys.desks, -UNSERVED_MS, "default")  # so long ago

    eventually(lambda: shown.badge() == 1, 5, "a number beside Needs you")
    shown.all_say("no_worker")
    assert "没有工作进程在运行" in shown.page("/", "zh-CN").text
    assert shown.checks()["workers"] == "fail"
    assert requests.get(f"{shown.web.url}/readyz", timeout=60).status_code == 200
    assert "deskbell_workers 0" in shown.metrics()
    assert 'deskbell_ledger_check{check="workers"} 2' in shown.metrics()
    doctor = shown.installation.deskbell("doctor")
    assert (doctor.returncode, "fail workers: no worker is running" in doctor.stdout) == (1, True), doctor.stdout
    watched = shown.installation.deskbell("watch").stdout
    assert ("fail: no worker is running" in watched, "left" in watched) == (True, False), watched


def test_a_redis_that_was_killed_is_told_everywhere(screens: Callable[..., Screens]) -> None:
    shown = screens(workers=0)
    shown.installation.kill_valkey()

    for path in PAGES:
        answer = shown.page(path)
        assert answer.status_code == 503
        assert "is not reached" in answer.text
    shown.only_tell_that_redis_is_away()


@pytest.mark.timeout(600)  # a page after the other waits for its answer
def test_a_frozen_redis_is_told_within_the_time_of_one_answer(screens: Callable[..., Screens]) -> None:
    shown = screens(workers=0)
    pid = shown.installation.valkey.pid
    assert pid is not None
    shown.page("/")  # connections are open
    os.kill(pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor() as threads:
            answers = dict(zip(PAGES, threads.map(lambda path: shown.soon(f"/console{path}"), PAGES), strict=True))
        assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(PAGES, 503)
        shown.only_tell_that_redis_is_away()
    finally:
        os.kill(pid, signal.SIGCONT)


def test_an_open_page_hears_of_an_outage_and_its_stream_ends(screens: Callable[..., Screens]) -> None:
    shown = screens(workers=0)
    with requests.get(f"{shown.web.url}/console/live/now", stream=True, timeout=60) as stream:
        lines = stream.iter_lines(decode_unicode=True)
        assert any(line == "event: tick" for line in lines)
        shown.installation.kill_valkey()
        rest = list(lines)  # it ends by itself
    assert any('data-condition="redis_away"' in line for line in rest)
    again = requests.get(f"{shown.web.url}/console/live/now", timeout=60)
    assert (again.status_code, 'data-condition="redis_away"' in again.text) == (200, True)
    assert shown.web.log.read_text("utf-8").count("is not reached") == 1

    shown.installation.valkey.start()

    def back() -> bool:
        with requests.get(f"{shown.web.url}/console/live/now", stream=True, timeout=60) as stream:
            return any(line == "event: tick" for line in stream.iter_lines(decode_unicode=True))

    soon(back, 5, "ticks after the return of Redis")


def test_a_full_redis_is_told_before_and_when_it_is_full(screens: Callable[..., Screens]) -> None:
    shown = screens(workers=0)
    redis = shown.installation.ledger.redis
    used = redis.info("memory")["used_memory"]
    redis.config_set("maxmemory", int(used * 1.25))
    eventually(lambda: 'class="warn" data-condition="redis_full"' in shown.page("/").text, 5, "nearly full")
    redis.config_set("maxmemory", used // 2)
    eventually(lambda: 'class="fail" data-condition="redis_full"' in shown.page("/").text, 5, "full")
    shown.say("redis_full", "fail", "memory", "nothing new is accepted", 'deskbell_ledger_check{check="memory"} 2.0')


def test_a_server_that_keeps_nothing_is_told(screens: Callable[..., Screens]) -> None:
    shown = screens(workers=0)
    shown.installation.ledger.redis.config_set("appendonly", "no")
    eventually(lambda: 'data-condition="not_durable"' in shown.page("/").text, 15, "not durable")
    assert requests.get(f"{shown.web.url}/readyz", timeout=60).status_code == 503
    shown.say("not_durable", "fail", "durability", "", 'deskbell_ledger_check{check="durability"} 2.0')


def test_refused_credentials_are_told_with_their_meaning(screens: Callable[..., Screens]) -> None:
    shown = screens(workers=1, DESKBELL_APP_SECRET="not-the-secret")
    shown.installation.accept("ou_ada")
    eventually(shown.installation.hold, 10, "a held desk")

    eventually(lambda: 'data-condition="desk_held"' in shown.page("/").text, 5, "a held desk on the page")
    shown.all_say("desk_held")
    page, chinese = (shown.page("/needs", language).text for language in ("en", "zh-CN"))
    assert "/console/runbook#deskheld" in page
    assert "/console/runbook#deskheld" in chinese
    assert {shown.page("/runbook", each).text.count('id="deskheld"') for each in LANGUAGES} == {1}
    assert "处理手册" in chinese
    shown.say("desk_held", "warn", "desk default", "held", HELD.format("credentials"))


def test_an_outage_of_feishu_is_told(screens: Callable[..., Screens]) -> None:
    shown = screens(workers=1, DESKBELL_FEISHU_URL="http://127.0.0.1:1")
    shown.installation.accept(*(f"ou_{number}" for number in range(20)))
    eventually(shown.installation.hold, 30, "an outage")
    eventually(lambda: 'data-condition="desk_held"' in shown.page("/").text, 5, "an outage on the page")
    shown.say("desk_held", "warn", "desk default", "held", HELD.format("outage"))
    assert "left" not in shown.installation.deskbell("watch").stdout


def test_when_all_is_paused_no_screen_promises_an_end(screens: Callable[..., Screens], tmp_path: Path) -> None:
    shown = screens(workers=1, DESKBELL_RATE="2/minute")
    people = tmp_path / "people.csv"
    people.write_text("receiver_id\n" + "".join(f"ou_{number}\n" for number in range(20)))
    made = shown.installation.deskbell("announce", str(people), "--text", "hi", "--yes", "--json")
    assert made.returncode == 0, made.stderr
    [id] = re.findall(r"a_\w+", made.stdout)[:1]
    assert shown.installation.deskbell("pause", id).returncode == 0

    eventually(lambda: 'data-condition="all_paused"' in shown.page("/").text, 10, "all paused")
    time.sleep(2)  # calls in flight end
    shown.all_say("all_paused")
    assert "–, paused" in shown.page("/").text
    assert "note: all that waits is paused" in shown.installation.deskbell("watch").stdout
    assert shown.badge() == 0
    assert "fail" not in shown.checks().values()
    assert shown.installation.deskbell("doctor").returncode == 0
    [waiting] = re.findall(r'waiting_notifications\{desk="default",lane="announcements"\} (\S+)', shown.metrics())
    assert float(waiting) > 0


@pytest.mark.parametrize(("set_by_ms", "way"), [(-HOUR_MS, "behind"), (HOUR_MS, "ahead of")])
def test_a_clock_that_is_off_is_told(
    screens: Callable[..., Screens], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_by_ms: int, way: str
) -> None:
    clock = Clock(tmp_path)
    with monkeypatch.context() as around:
        for name, value in clock.environment.items():
            around.setenv(name, value)
        valkey = ValkeyProcess(tmp_path / "valkey", appendonly="yes", appendfsync="always")
        valkey.start()
    try:
        shown = screens(workers=0, DESKBELL_REDIS_URL=valkey.url)
        assert "clock_off" not in shown.page("/").text
        clock.set_by(set_by_ms)
        eventually(lambda: 'data-condition="clock_off"' in shown.page("/").text, 5, "the clock on the page")
        shown.say("clock_off", "warn", "clock", f"{way} this machine's", 'deskbell_ledger_check{check="clock"} 1.0')
        assert "Redis 的时钟" in shown.page("/", "zh-CN").text
    finally:
        valkey.stop()
