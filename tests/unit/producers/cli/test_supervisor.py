"""Supervision, with small stand-ins for the real programs."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from producers.cli.supervisor import Deaths, DiesTooOften, Program, StopSignals, Supervisor

__all__: list[str] = []

SLEEPS = "import time; print('ready', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
# It waits for the signal: a handler that prints could interrupt the print before it.
TELLS_ITS_END = (
    "import signal\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
    "print('ready', flush=True); signal.sigwait({signal.SIGTERM}); print('ends', flush=True)"
)

Disposition = Callable[[signal.Signals, signal.Handlers], object]


class Lines:
    """Collects what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, line: str) -> None:
        self.said.append(line)

    def wait_for(self, *lines: str) -> None:
        until(lambda: set(lines) <= set(self.said))


def until(holds: Callable[[], bool], look: Callable[[], None] = lambda: None, timeout_seconds: float = 60) -> None:
    ends_at = time.monotonic() + timeout_seconds
    while not holds():
        assert time.monotonic() < ends_at, "it did not happen in time"
        look()
        time.sleep(0.02)


def program(name: str, code: str, stop_turn: int = 0) -> Program:
    return Program(name, (sys.executable, "-c", code), stop_turn)


def supervisor(lines: Lines, *programs: Program, grace_seconds: float = 10, hurry: bool = False) -> Supervisor:
    return Supervisor(programs, dict(os.environ), lines, grace_seconds=grace_seconds, hurry=lambda: hurry)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_their_output_is_passed_on_under_their_names() -> None:
    lines = Lines()
    with supervisor(lines, program("one", SLEEPS), program("two", "print('out'); import sys; sys.exit('err')")):
        lines.wait_for("one | ready", "two | out", "two | err")


def test_leaving_stops_them_all() -> None:
    lines = Lines()
    with supervisor(lines, program("one", SLEEPS), program("two", SLEEPS)) as running:
        pids = list(running.pids.values())
        lines.wait_for("one | ready", "two | ready")
    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)


def test_an_error_on_the_way_stops_them_all_too() -> None:
    pids: list[int] = []

    def fail_while_it_runs() -> None:
        with supervisor(Lines(), program("one", SLEEPS)) as running:
            pids.extend(running.pids.values())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_it_runs()
    assert [alive(pid) for pid in pids] == [False]


def test_a_program_that_cannot_start_leaves_nothing_of_those_before_it() -> None:
    lines = Lines()
    entered = supervisor(lines, program("one", SLEEPS), Program("two", ("/nowhere/to/be/found",)))
    with pytest.raises(FileNotFoundError), entered:
        pass
    assert entered.pids == {}


def test_one_that_does_not_stop_in_time_is_killed_and_that_is_said() -> None:
    lines = Lines()
    with supervisor(lines, program("mule", STUBBORN), grace_seconds=0.1) as running:
        [pid] = running.pids.values()
        lines.wait_for("mule | ready")
    assert not alive(pid)
    assert "mule did not stop in time and was killed" in lines.said


def test_in_a_hurry_nobody_waits_for_the_grace_to_pass() -> None:
    lines = Lines()
    with supervisor(lines, program("mule", STUBBORN), grace_seconds=100, hurry=True) as running:
        [pid] = running.pids.values()
        lines.wait_for("mule | ready")
    assert not alive(pid)


def test_they_stop_turn_by_turn() -> None:
    lines = Lines()
    last, first = program("last", TELLS_ITS_END, stop_turn=1), program("first", TELLS_ITS_END)
    with supervisor(lines, last, first):
        lines.wait_for("first | ready", "last | ready")
    assert [line for line in lines.said if line.endswith("ends")] == ["first | ends", "last | ends"]


def test_one_that_dies_is_started_again_and_that_is_said() -> None:
    lines = Lines()
    with supervisor(lines, program("one", SLEEPS)) as running:
        [pid] = running.pids.values()
        lines.wait_for("one | ready")
        os.kill(pid, signal.SIGKILL)
        until(lambda: lines.said.count("one | ready") == 2, running.look)
        assert running.pids["one"] != pid
    assert "one was killed by SIGKILL; restarting it in 1 s" in lines.said


def test_one_that_died_before_the_stop_is_not_started_again() -> None:
    lines = Lines()
    with supervisor(lines, program("one", "raise SystemExit(3)")) as running:
        until(lambda: len(lines.said) > 0, running.look)
        assert running.pids == {}
    assert lines.said == ["one ended by itself with exit code 3; restarting it in 1 s"]


def test_ctrl_c_in_the_terminal_reaches_none_of_them() -> None:
    with supervisor(Lines(), program("one", SLEEPS)) as running:
        [pid] = running.pids.values()
        assert os.getpgid(pid) == pid != os.getpgid(0)


def test_five_deaths_within_a_minute_are_too_many() -> None:
    times = iter([0.0, 14.0, 28.0, 42.0, 59.9])
    deaths = Deaths(clock=lambda: next(times))
    for _ in range(4):
        deaths.note("one")
    with pytest.raises(DiesTooOften, match="one has died, the 5th death within a minute"):
        deaths.note("one")


def test_five_deaths_within_more_than_a_minute_are_not() -> None:
    times = iter([0.0, 15.0, 30.0, 45.0, 60.0, 75.0])
    deaths = Deaths(clock=lambda: next(times))
    for _ in range(6):
        deaths.note("one")


@pytest.mark.parametrize("number", StopSignals.NUMBERS)
def test_a_signal_is_counted_and_its_handler_restored(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with StopSignals() as signals:
        for _ in range(2):
            signal.raise_signal(number)
        assert signals.asked == 2
    assert signal.getsignal(number) == before


@pytest.fixture
def disposition() -> Iterator[Disposition]:
    """Sets what a signal does; afterwards it does again what it did."""
    before = {number: signal.getsignal(number) for number in StopSignals.NUMBERS}
    yield signal.signal
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_job_in_the_background_whose_shell_ignores_ctrl_c_counts_it_all_the_same(disposition: Disposition) -> None:
    disposition(signal.SIGINT, signal.SIG_IGN)
    with StopSignals() as signals:
        signal.raise_signal(signal.SIGINT)
        assert signals.asked == 1
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_the_end_of_the_terminal_is_nothing_under_nohup(disposition: Disposition) -> None:
    disposition(signal.SIGHUP, signal.SIG_IGN)
    with StopSignals() as signals:
        signal.raise_signal(signal.SIGHUP)
        assert signals.asked == 0


def test_signals_that_the_parent_blocked_are_counted_and_reach_the_programs() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        with StopSignals() as signals:
            signal.raise_signal(signal.SIGTERM)
            assert signals.asked == 1
            lines = Lines()
            with supervisor(lines, program("one", SLEEPS)):
                lines.wait_for("one | ready")
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    assert lines.said == ["one | ready"]


def test_no_thread_is_left_over() -> None:
    before = threading.active_count()
    with supervisor(Lines(), program("one", SLEEPS)):
        pass
    assert threading.active_count() == before
