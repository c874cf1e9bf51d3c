"""Ids are different, whatever a program does with chance and with processes."""

import random
import subprocess
import sys

import pytest

from ledger.ids import new_notification_id

__all__: list[str] = []

#: Two processes, of which one was forked, make ids in the same ms.
FORKED = """
import os, time
from ledger import ids
time.time_ns = lambda: 1_800_000_000_000_000_000
child = os.fork()
if child:
    os.waitpid(child, 0)
print(ids.new_notification_id(), flush=True)
"""


def test_programs_that_seed_their_chance_alike_do_not_make_the_same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 1_800_000_000_000_000_000)
    ids = set()
    for _ in range(2):
        random.seed(42)
        ids.add(new_notification_id())
    assert len(ids) == 2


def test_a_process_that_was_forked_makes_other_ids_than_its_parent() -> None:
    made = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=120, check=True)
    assert len(set(made.stdout.split())) == 2
