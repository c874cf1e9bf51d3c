"""Who approves a draft, and whether it was started as it must be: once, and with an approval of its last version."""

from collections.abc import Iterable, Iterator

from ledger.draft import Person

__all__ = ["approver_of", "started_wrongly"]


def approver_of(version: int) -> Person:
    """Each version has another one, so that the acts tell what was approved."""
    return Person(f"approver-{version}", f"approver-{version}")


def started_wrongly(acts: Iterable[tuple[int, str, str]]) -> Iterator[str]:
    """What is wrong with how an announcement that needs an approval came to be started."""
    version, starts, approver = 1, 0, ""
    for _, by, did in acts:
        if did == "edit":
            version, approver = version + 1, ""
        elif did == "approve":
            approver = by
        elif did.startswith(("start", "announce")):
            starts += 1
            if approver != approver_of(version).name:
                yield "started without an approval of this version by somebody else"
    if starts != 1:
        yield "a draft that did not start exactly once"
