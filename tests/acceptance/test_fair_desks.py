"""Desks without limits share the workers: none waits until another has done."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.installation import Installation, eventually
from tests.acceptance.sandbox_process import CREDENTIALS, MESSAGE_PATH

DESKS = [f"d{number}" for number in range(12)]
LATENCY_MS = "20"


def a_site_with_desks(new_installation: Callable[..., Installation], folder: Path) -> Installation:
    """Its workers are not started yet."""
    desks = folder / "desks.toml"
    desks.write_text("".join(f"[desk.{name}]\n{CREDENTIALS}" for name in DESKS))
    sandbox = ("--rate", "unlimited", "--latency-ms", LATENCY_MS)
    return new_installation(sandbox=sandbox, workers=0, DESKBELL_DESKS=str(desks))


def accept(installation: Installation, desk: str, count: int) -> None:
    for first in range(0, count, 500):
        installation.accept(*(f"ou_{desk}_{number}" for number in range(first, min(first + 500, count))), desk=desk)


def desks_of_calls(installation: Installation, count: int) -> list[str]:
    """The desks of all calls in the order of their arrival, once there are so many."""
    installation.start_worker()
    installation.start_worker()
    eventually(lambda: installation.sandbox.stats()["delivered"] == count, 90, f"{count} delivered")
    return [call["receiver_id"].split("_")[1] for call in installation.sandbox.calls(MESSAGE_PATH)]


def test_desks_with_as_much_work_come_on_together(
    new_installation: Callable[..., Installation], tmp_path: Path
) -> None:
    installation, each = a_site_with_desks(new_installation, tmp_path), 400
    for desk in DESKS:
        accept(installation, desk, each)

    calls = desks_of_calls(installation, each * len(DESKS))

    halfway = Counter(calls[: len(calls) // 2])
    assert min(halfway[desk] for desk in DESKS) >= each // 4


def test_desks_with_little_work_do_not_wait_for_one_with_much(
    new_installation: Callable[..., Installation], tmp_path: Path
) -> None:
    installation, much, little = a_site_with_desks(new_installation, tmp_path), 3000, 10
    accept(installation, DESKS[0], much)  # it came first
    for desk in DESKS[1:]:
        accept(installation, desk, little)

    calls = desks_of_calls(installation, much + little * (len(DESKS) - 1))

    last_of_the_small = max(index for index, desk in enumerate(calls) if desk != DESKS[0])
    assert last_of_the_small < len(calls) // 2
