"""`python -m tests.chaos --seed 1 --kills 200 --power-cuts 20`: breaks everything for a while, then counts.

Prints a table and the seed. The exit code is 0 when nothing was lost, doubled unsaid or late, else 1; then it shows
what is wrong, with the three records of the notification.
"""

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.run import Run

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no process is left behind
    folder = given.folder or Path(tempfile.mkdtemp(prefix="deskbell-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - began:8.1f} s  {text}\n")

    run = Run(
        folder, given.seed, given.kills, given.notifications, given.gap_seconds, say,
        stops=given.stops, power_cuts=given.power_cuts, appendfsync=given.appendfsync,
    )  # fmt: skip
    report = run.play()
    if given.markdown:
        sys.stdout.write(f"{report.as_markdown()}\n\n")
    sys.stdout.write(f"{report}\nlogs and journals: {folder}\n")
    return 1 if report.findings else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="of the script (default: any)")
    parser.add_argument("--kills", type=int, default=200, help="SIGKILLs, at least (default %(default)s)")
    parser.add_argument("--power-cuts", type=int, default=20, help="at least; they need cc (default %(default)s)")
    parser.add_argument("--appendfsync", help="of the server, to see that the run can fail (default: as `deskbell up`)")
    parser.add_argument("--stops", type=int, default=50, help="workers told to stop, at least (default %(default)s)")
    parser.add_argument("--notifications", type=int, default=20_000, help="about so many (default %(default)s)")
    parser.add_argument(
        "--gap-seconds", type=float, default=1.5, help="between two acts, on average (default %(default)s)"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table for docs/reliability.md in front")
    parser.add_argument("--folder", type=Path, help="for logs and journals (default: a new temporary one)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
