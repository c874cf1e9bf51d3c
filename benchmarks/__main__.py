"""Runs benchmarks by name, or all of them, and publishes each that ran whole and delivered exactly."""

import argparse
import sys

from benchmarks import (
    addresses,
    announcements,
    audience,
    beside,
    console,
    desks,
    digest,
    engine,
    far,
    http,
    hung,
    imports,
    inspection,
    latency,
    memory,
    quota,
    servers,
    tickets,
)
from benchmarks.exact import NotExact
from benchmarks.results import HEAD, publish
from benchmarks.size import WHOLE, Size

_MODULES = (
    latency,
    addresses,
    digest,
    quota,
    tickets,
    beside,
    hung,
    far,
    engine,
    announcements,
    audience,
    inspection,
    console,
    desks,
    http,
    imports,
    memory,
    servers,
)
BENCHMARKS = {module.__name__.rpartition(".")[2]: module.measure for module in _MODULES}


def main(arguments: list[str] | None = None) -> int:
    """0: all targets were met; 1: some were not, or a run did not deliver exactly, and is not published."""
    given = _parser().parse_args(arguments)
    size, met = Size(given.rounds, given.share), True
    print(HEAD, flush=True)
    for name in given.names or BENCHMARKS:
        figures = []
        try:
            for figure in BENCHMARKS[name](size):
                figures.append(figure)
                print(figure.as_row(f"python -m benchmarks {name}"), flush=True)
        except NotExact as error:
            print(f"{name}: not delivered exactly, so nothing is published: {error}", file=sys.stderr)
            met = False
            continue
        met &= all(figure.met is not False for figure in figures)
        if size == WHOLE:
            publish(name, figures)
    return 0 if met else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=int, default=WHOLE.rounds, help="of each (default %(default)s)")
    parser.add_argument("--share", type=float, default=WHOLE.share, help="of the whole size; less is not published")
    return parser


if __name__ == "__main__":
    sys.exit(main())
