"""The invariants of a draft."""

from collections.abc import Iterator

from ledger.inspection.invariants import Finding, Invariant
from ledger.inspection.standing import DraftStanding
from ledger.phrases import Phrase
from ledger.states import AnnouncementState

__all__ = ["judge_draft"]


def judge_draft(it: DraftStanding) -> Iterator[Finding]:
    for is_broken, found in (
        (
            it.rows != it.rows_there,
            Phrase("says that it has {told:,} rows, and has {there:,}", told=it.rows, there=it.rows_there),
        ),
        (not it.is_listed, Phrase("is not in `drafts`")),
        (not it.is_listed_of_author, Phrase("is not among the drafts of its author")),
        (not (it.expires and it.rows_expire), Phrase("never expires, or its rows do not")),
        (it.is_accepted, Phrase("is accepted, or some of it")),
    ):
        if is_broken:
            yield Finding(Invariant.DRAFT_WHOLE, it.id, found)
    if it.is_approved and it.state != AnnouncementState.APPROVED:
        yield Finding(Invariant.DRAFT_APPROVED, it.id, Phrase("is {state}, and somebody approved it", state=it.state))
    if not it.is_approved and it.state == AnnouncementState.APPROVED:
        yield Finding(Invariant.DRAFT_APPROVED, it.id, Phrase("is {state}, and nobody approved it", state=it.state))
