"""A desk whose API hangs takes neither the threads nor the time of the others."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from ledger.states import State
from tests.acceptance.installation import Installation, eventually
from tests.acceptance.sandbox_process import CREDENTIALS, SandboxProcess

EVENTS = 40
#: From accepting to the arrival of the call, seconds. On an idle machine it is some 0.01 s. What must not happen is
#: that an event waits for one of the hung calls, which take 20 s.
LONGEST_WAIT_SECONDS = 10.0
#: How many times as long half of them may take beside a desk that hangs, and how much longer in any case, seconds.
NOISE, NOISE_SECONDS = 4, 0.1


def test_the_other_desks_events_go_on_while_one_desk_hangs(
    new_installation: Callable[..., Installation], tmp_path: Path
) -> None:
    with SandboxProcess("--rate", "unlimited", "--latency-ms", "20000", log=tmp_path / "hung.log") as hung:
        installation = a_site_with(new_installation, tmp_path, hung=hung.url)
        alone = [waited_seconds(installation, f"ou_alone{number}") for number in range(EVENTS)]
        give_work(installation, "hung")
        eventually(lambda: hung.stats()["in_flight"] >= 8, 20, "calls of the hung desk in flight")

        waited = [waited_seconds(installation, f"ou_alert{number}") for number in range(EVENTS)]

        assert median(waited) <= NOISE * median(alone) + NOISE_SECONDS
        assert max(waited) < LONGEST_WAIT_SECONDS
        assert hung.stats()["in_flight"] >= 8, "the desk hung all the while"
        kill_workers(installation)


def test_two_desks_that_hang_leave_threads_to_a_third(
    new_installation: Callable[..., Installation], tmp_path: Path
) -> None:
    """Each was allowed three quarters of all threads, so that together they had them all."""
    with (
        SandboxProcess("--rate", "unlimited", "--latency-ms", "20000", log=tmp_path / "one.log") as one,
        SandboxProcess("--rate", "unlimited", "--latency-ms", "20000", log=tmp_path / "other.log") as other,
    ):
        installation = a_site_with(new_installation, tmp_path, one=one.url, other=other.url)
        give_work(installation, "one")
        give_work(installation, "other")
        eventually(lambda: one.stats()["in_flight"] >= 8 and other.stats()["in_flight"], 20, "calls of both in flight")

        assert max(waited_seconds(installation, f"ou_alert{number}") for number in range(EVENTS)) < LONGEST_WAIT_SECONDS
        kill_workers(installation)


def a_site_with(new_installation: Callable[..., Installation], folder: Path, **urls: str) -> Installation:
    """A site with these desks beside its own."""
    desks = folder / "desks.toml"
    desks.write_text("".join(f'[desk.{name}]\n{CREDENTIALS}\nfeishu_url = "{url}"\n' for name, url in urls.items()))
    return new_installation(DESKBELL_DESKS=str(desks), DESKBELL_TIMEOUT="5,30")


def give_work(installation: Installation, desk: str) -> None:
    installation.accept(*(f"ou_{number}" for number in range(500)), desk=desk)


def kill_workers(installation: Installation) -> None:
    """Else they would wait for their calls in flight."""
    for worker in installation.workers:
        worker.kill()


def waited_seconds(installation: Installation, receiver: str) -> float:
    """How long after its acceptance the call arrived; the sandbox's clock is this machine's."""
    accepted_at = time.time()
    installation.wait_for_state(installation.send(receiver).id, State.DELIVERED, seconds=15)
    [call] = installation.sandbox.sends(receiver)
    return float(call["at"]) - accepted_at
