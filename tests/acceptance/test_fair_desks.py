"""Desks without limits share the workers: none waits until another has done."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.sandbox_process import CREDENTIALS, MESSAGE_PATH
from tests.acceptance.site import Site, eventually

DESKS = [f"d{number}" for number in range(12)]
LATENCY_MS = "20"


def a_site_with_desks(new_site: Callable[..., Site], folder: Path) -> Site:
    """Its workers are not started yet."""
    desks = folder / "desks.toml"
    desks.write_text("".join(f"[desk.{name}]\n{CREDENTIALS}" for name in DESKS))
    sandbox = ("--rate", "unlimited", "--latency-ms", LATENCY_MS)
    return new_site(sandbox=sandbox, workers=0, DESKBELL_DESKS=str(desks))


def accept(site: Site, desk: str, count: int) -> None:
    for first in range(0, count, 500):
        site.accept(*(f"ou_{desk}_{number}" for number in range(first, min(first + 500, count))), desk=desk)


def desks_of_calls(site: Site, count: int) -> list[str]:
    """The desks of all calls in the order of their arrival, once there are so many."""
    site.start_worker()
    site.start_worker()
    eventually(lambda: site.sandbox.stats()["delivered"] == count, 90, f"{count} delivered")
    return [call["receiver_id"].split("_")[1] for call in site.sandbox.calls(MESSAGE_PATH)]


def test_desks_with_as_much_work_come_on_together(new_site: Callable[..., Site], tmp_path: Path) -> None:
    site, each = a_site_with_desks(new_site, tmp_path), 400
    for desk in DESKS:
        accept(site, desk, each)

    calls = desks_of_calls(site, each * len(DESKS))

    halfway = Counter(calls[: len(calls) // 2])
    assert min(halfway[desk] for desk in DESKS) >= each // 4


def test_desks_with_little_work_do_not_wait_for_one_with_much(new_site: Callable[..., Site], tmp_path: Path) -> None:
    site, much, little = a_site_with_desks(new_site, tmp_path), 3000, 10
    accept(site, DESKS[0], much)  # it came first
    for desk in DESKS[1:]:
        accept(site, desk, little)

    calls = desks_of_calls(site, much + little * (len(DESKS) - 1))

    last_of_the_small = max(index for index, desk in enumerate(calls) if desk != DESKS[0])
    assert last_of_the_small < len(calls) // 2
