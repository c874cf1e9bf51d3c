"""An announcement to an audience that is killed at random moments and run again: everybody once, nobody missing."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import requests

import sandbox
from ledger.ledger import Ledger
from ledger.settings import Settings
from sandbox.contacts.generated import generated_directory
from tests import forking
from tests.few import few
from tests.integration.producers.cli.announcing_desk import receivers

pytestmark = pytest.mark.timeout(300)

PEOPLE, DEPARTMENTS = 1200, 200
COMMAND = ("announce", "--everyone", "--text", "Dear {{ name }}", "--yes", "--json")
#: Calls that a walk takes at least. A life lasts far fewer, so that it ends within the walk on a quick machine too.
WALK_CALLS, LIFE_CALLS = 200, 25
#: Lives that end within the walk, and later.
WALKING, LATER = 5, 2
#: Longest wait after the last call of the walk, seconds: the loading is within it.
LOADING_SECONDS = 0.5


def begun(url: str, settings: Settings) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "DESKBELL_DATA_DIR": str(settings.data_dir),
        "DESKBELL_FEISHU_URL": url,
        "DESKBELL_APP_ID": "cli_sandbox",
        "DESKBELL_APP_SECRET": "sandbox-secret",
        "DESKBELL_HELPDESK_ID": "1000000000000000000",
        "DESKBELL_HELPDESK_TOKEN": "ht-sandbox",
    }
    command = [Path(sys.executable).with_name("deskbell"), *COMMAND]
    return forking.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def calls(url: str) -> int:
    counted = requests.get(f"{url}/sandbox/stats", timeout=60).json()["calls"]
    return sum(sum(codes.values()) for codes in counted.values())


def killed_after(url: str, settings: Settings, count: int, seconds: float = 0) -> int:
    """Runs the command, killed so long after it has called Feishu so often. Returns its exit code."""
    before = calls(url)
    with begun(url, settings) as process:
        while process.poll() is None and calls(url) - before < count:
            time.sleep(0.005)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
    return process.returncode


def finished(url: str, settings: Settings) -> int:
    with begun(url, settings) as process:
        return process.wait()


@pytest.mark.parametrize("seed", few(range(2), one_in=2))
def test_killed_and_run_again_everybody_gets_it_once(seed: int, empty_valkey: Settings) -> None:
    chance = random.Random(seed)
    options = ("--people", str(PEOPLE), "--departments", str(DEPARTMENTS), "--rate", "unlimited")
    with sandbox.running(*options) as url:
        for _ in range(WALKING):
            assert killed_after(url, empty_valkey, chance.randint(1, LIFE_CALLS)) == -signal.SIGKILL
        for _ in range(LATER):
            killed_after(url, empty_valkey, WALK_CALLS, chance.uniform(0, LOADING_SECONDS))
        codes = (finished(url, empty_valkey), finished(url, empty_valkey))
    assert codes == (0, 0)
    ledger = Ledger(empty_valkey)
    [announcement] = ledger.announcements.newest()
    found = receivers(ledger, announcement.id)
    assert len(found) == len(set(found)) == announcement.total
    assert set(found) == expected()
    ledger.redis.close()


def expected() -> set[str]:
    """Those of the sandbox's company who can be reached, by its own book."""
    people = generated_directory(PEOPLE, DEPARTMENTS).people
    return {f"ou_{id}" for id in people if people[id].status == "active"}
