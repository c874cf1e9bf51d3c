"""`python -m worker`: a worker, as `deskbell up` starts it.

`celery -A worker worker` does the same with the same options, and more. Celery's command line loads a shell of its own
first, prompt_toolkit and all, which stays in the memory of each worker: 9 MiB.
"""

import argparse
import sys

from celery.utils.nodenames import default_nodename, host_format

from worker import app

__all__ = ["main"]


def main() -> None:
    options = _parser().parse_args()
    worker = app.Worker(
        hostname=host_format(default_nodename(options.hostname)),
        concurrency=options.concurrency,
        pool="threads",
        loglevel="INFO",
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    )
    worker.start()
    sys.exit(worker.exitcode)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worker", description="Sends what is due.")
    parser.add_argument("--concurrency", type=int, required=True, help="threads")
    parser.add_argument("--hostname", required=True, help="a name for it, such as worker1@%%h")
    return parser


if __name__ == "__main__":
    main()
