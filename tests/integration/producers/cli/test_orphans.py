"""`deskbell up` is killed without a word: what it started ends, and the next one takes over at once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from producers.cli import child
from tests.integration.producers.cli.up_process import deskbell, until, up
from tests.ports import free_port

pytestmark = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")

#: Runs a child as where the kernel cannot tell it.
WITHOUT_THE_KERNEL = """
import runpy, sys
child = runpy.run_path(sys.argv[1])
child["end_with"].__globals__["_kernel_tells"] = lambda: False
child["end_with"](int(sys.argv[2]))
print("watches", flush=True)
import time; time.sleep(60)
"""


def test_a_killed_up_leaves_no_worker_and_no_web_side_and_the_next_one_starts(tmp_path: Path) -> None:
    port = str(free_port())
    with up(tmp_path, "--sandbox", DESKBELL_PORT=port) as killed:
        killed.announced()
        started = killed.descendants() - {killed.process.pid, killed.valkey()}
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.ends()
        with up(tmp_path, "--sandbox", DESKBELL_PORT=port) as following:
            told = following.announced()
            until(lambda: not started & following.descendants(), following, 30)
            sent = deskbell(tmp_path, "send", "--to", "ou_ada", "--text", "hi", "--wait", "90")
            assert sent.returncode == 0, following.said()
            assert told["web"].endswith(f":{port}")
    assert following.descendants() == set()


#: Starts a child, says its pid, and stays.
PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([word.format(parent=os.getpid()) for word in sys.argv[1:]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""
READY = "import time; print('ready', flush=True); time.sleep(60)"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param((child.__file__, "{parent}", "says_it_is_ready"), id="the kernel tells"),
        pytest.param(("-c", WITHOUT_THE_KERNEL, child.__file__, "{parent}"), id="it looks itself"),
    ],
)
def test_a_child_ends_with_its_parent(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "says_it_is_ready.py").write_text(READY)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, sys.executable, *command], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert parent.stdout is not None
    with parent.stdout as said:
        pid = int(said.readline())
    assert is_alive(pid)
    parent.kill()
    parent.wait()
    ends_at = time.monotonic() + 90
    while is_alive(pid):
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def test_a_child_of_a_parent_that_is_gone_ends_at_once(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, child.__file__, "1", "http.server", "0"], timeout=120, check=False)
    assert done.returncode == -signal.SIGTERM


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
