"""An announcement to an audience that is killed at random moments and run again: everybody once, nobody missing."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import sandbox
from ledger.ledger import Ledger
from ledger.settings import Settings
from sandbox.contacts.generated import generated_directory
from tests.integration.producers.cli.announcing_desk import receivers

pytestmark = pytest.mark.timeout(300)

PEOPLE, DEPARTMENTS = 1200, 60
COMMAND = ("announce", "--everyone", "--text", "Dear {{ name }}", "--yes", "--json")
#: Longest life before a kill, seconds: within it are the start, the walk (five seconds at the pace) and the loading.
LIFE_SECONDS = 9.0


def lives(url: str, settings: Settings, seconds: float | None) -> int:
    """Runs the command, killed after so long. Returns its exit code."""
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
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return process.wait()


@pytest.mark.parametrize("seed", range(2))
def test_killed_and_run_again_everybody_gets_it_once(seed: int, empty_valkey: Settings) -> None:
    chance = random.Random(seed)
    options = ("--people", str(PEOPLE), "--departments", str(DEPARTMENTS), "--rate", "unlimited")
    with sandbox.running(*options) as url:
        codes = [lives(url, empty_valkey, chance.uniform(0.5, LIFE_SECONDS)) for _ in range(6)]
        codes.append(lives(url, empty_valkey, None))
        again = lives(url, empty_valkey, None)
    assert -signal.SIGKILL in codes
    assert (codes[-1], again) == (0, 0)
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
