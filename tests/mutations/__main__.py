"""Runs all mutations: `python -m tests.mutations`, or some: `python -m tests.mutations 7 8 throttle`.

First the tests run without any: a test that fails anyway proves nothing.
"""

import sys
import time

from tests.mutations.mutation import as_table
from tests.mutations.runner import copied_tree, failed, survives
from tests.mutations.table import MUTATIONS


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    if arguments == ["--markdown"]:
        say(as_table(MUTATIONS))
        return 0
    chosen = [
        each
        for each in MUTATIONS
        if not arguments or any(asked in (str(each.promise), *each.what.split()) for asked in arguments)
    ]
    began, survivors = time.monotonic(), []
    with copied_tree() as tree:
        is_broken, said = failed(tree, sorted({each.test for each in chosen}))
        if is_broken:
            say(said[-3000:])
            return 1
        for each in chosen:
            if survives(each, tree):
                survivors.append(each)
            say(f"{'SURVIVED' if each in survivors else 'found   '}  {each.promise:>2}  {each.what}")
    say(f"{len(chosen) - len(survivors)} of {len(chosen)} found in {time.monotonic() - began:.0f} s")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
