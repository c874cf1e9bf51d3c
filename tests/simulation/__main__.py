"""`python -m tests.simulation --seed 1 --schedules 500`: plays schedules from this seed on, and judges each.

The exit code is 0 when every promise was kept in all of them, else 1; then it prints the story of the first that broke
one. The same seed tells the same story each time.
"""

from tests.simulation import clock

clock.install()  # before the code under test is read

import argparse  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402
from pathlib import Path  # noqa: E402

__all__ = ["main"]

#: Between two lines that tell how far it is, schedules.
_TOLD_EVERY = 1000


def main(arguments: Sequence[str]) -> int:
    given = _parser().parse_args(arguments)
    began = time.monotonic()
    broken, counts = _in_processes(given) if given.processes > 1 else _here(given)
    took = time.monotonic() - began
    _say(f"{took:.0f} s, {given.schedules} schedules from seed {given.seed}, broken: {broken or 'none'}")
    sys.stdout.write(json.dumps({"broken": broken, "counts": dict(sorted(counts.items()))}) + "\n")
    return 1 if broken else 0


def _here(given: argparse.Namespace) -> tuple[list[int], Counter[str]]:
    if given.mutation:
        from tests.simulation.mutations import MUTATIONS

        MUTATIONS[given.mutation].install()  # before the code under test is read
    from tests.simulation.run import Simulation
    from tests.simulation.server import Server

    broken: list[int] = []
    counts: Counter[str] = Counter()
    with (
        tempfile.TemporaryDirectory(prefix="deskbell-simulation-") as folder,
        Server(Path(folder), given.shim) as server,
    ):
        simulation = Simulation(server)
        for number in range(given.schedules):
            seed = given.seed + number
            played = simulation.play(seed)
            counts.update(played.counts)
            if given.story or (played.findings and not broken):
                sys.stdout.write(f"{played.story}\n")
            if played.findings:
                broken.append(seed)
                _say(f"seed {seed} breaks a promise")
            for finding in played.findings:
                sys.stdout.write(f"BROKEN by seed {seed}: {finding.what}: {finding.where}\n{finding.text}\n")
            if _is_enough(given, [finding.what for finding in played.findings], len(broken)):
                break
            if (number + 1) % _TOLD_EVERY == 0:
                _say(f"{number + 1} played")
    return broken, counts


def _is_enough(given: argparse.Namespace, found: Sequence[str], broken: int) -> bool:
    return given.until in found if given.until else broken >= given.failures


def _in_processes(given: argparse.Namespace) -> tuple[list[int], Counter[str]]:
    """Each takes a share of the seeds, on a server of its own."""
    share = -(-given.schedules // given.processes)
    starts = range(given.seed, given.seed + given.schedules, share)
    command = [sys.executable, "-m", "tests.simulation", "--failures", str(given.failures)]
    processes = [
        subprocess.Popen(
            [*command, "--seed", str(seed), "--schedules", str(min(share, given.seed + given.schedules - seed))],
            stdout=subprocess.PIPE, text=True,
        )
        for seed in starts
    ]  # fmt: skip
    broken: list[int] = []
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor() as readers:  # at once: one that tells a long story must not wait for the others' ends
        outputs = list(readers.map(lambda process: process.communicate()[0], processes))
    for output in outputs:
        *lines, last = (output or '{"broken": [-1], "counts": {}}').splitlines()
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        told = json.loads(last)
        broken += told["broken"]
        counts.update(told["counts"])
    return broken, counts


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first schedule (default %(default)s)")
    parser.add_argument("--schedules", type=int, default=500, help="how many (default %(default)s)")
    parser.add_argument("--processes", type=int, default=1, help="that share them (default %(default)s)")
    parser.add_argument("--failures", type=int, default=1, help="stop after so many that fail (default %(default)s)")
    parser.add_argument("--until", metavar="FINDING", help="stop when a schedule breaks this, and not when others do")
    parser.add_argument("--mutation", help="break Deskbell as tests/simulation/mutations.py says under this name")
    parser.add_argument("--shim", type=Path, help="what tests/clock_set.c was compiled to")
    parser.add_argument("--story", action="store_true", help="print what happens in each, line by line")
    return parser


if __name__ == "__main__":
    if "PYTHONHASHSEED" not in os.environ:  # the order in a set is part of the story
        command = [sys.executable, "-m", "tests.simulation", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main(sys.argv[1:]))
