"""The invariants of a draft."""

from collections.abc import Iterator

from ledger.inspection.invariants import Finding, Invariant
from ledger.inspection.standing import DraftStanding
from ledger.states import AnnouncementState

__all__ = ["judge_draft"]


def judge_draft(it: DraftStanding) -> Iterator[Finding]:
    for is_broken, found in (
        (it.rows != it.rows_there, f"says that it has {it.rows} rows, and has {it.rows_there}"),
        (not it.is_listed, "is not in `drafts`"),
        (not it.is_listed_of_author, "is not among the drafts of its author"),
        (not (it.expires and it.rows_expire), "never expires, or its rows do not"),
        (it.is_accepted, "is accepted, or some of it"),
    ):
        if is_broken:
            yield Finding(Invariant.DRAFT_WHOLE, it.id, found)
    if it.is_approved != (it.state == AnnouncementState.APPROVED):
        found = "somebody approved it" if it.is_approved else "nobody approved it"
        yield Finding(Invariant.DRAFT_APPROVED, it.id, f"is {it.state}, and {found}")
