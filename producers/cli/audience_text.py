"""What the command line says of an audience: who is left out and why, what the app cannot see, and the first people."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from feishu.member import SCOPES
from ledger.phrases import Phrase, listed
from producers.announcements.check import Checked

if TYPE_CHECKING:
    from producers.announcements.audience.audience import Audience

__all__ = ["people_of", "remarks_of_audience"]

_REASONS = {
    "frozen": Phrase("paused by an administrator"),
    "resigned": Phrase("resigned"),
    "not_joined": Phrase("not joined yet"),
    "excluded": Phrase("excluded"),
    "duplicate": Phrase("listed more than once"),
}


def people_of(audience: "Audience", checked: Checked) -> Iterator[Phrase]:
    """The first three, with what the message says of them; and some of those who are left out. No log has them."""
    for person in audience.people:
        receiver_id, *fields = person.items()
        told = listed([Phrase("{name}: {value}", name=name, value=value) for name, value in fields]) if fields else ""
        yield Phrase("{id}  {fields}", id=receiver_id[1], fields=told)
    yield from _named(audience, audience.left_out_by_reason(checked))


def remarks_of_audience(audience: "Audience", checked: Checked) -> Iterator[Phrase]:
    """As far as there is anything to remark."""
    counts = {reason: count for reason, count in audience.left_out_by_reason(checked).items() if count}
    if counts:
        told = listed([Phrase("{n:,} {why}", n=count, why=_REASONS[reason]) for reason, count in counts.items()])
        yield Phrase("{n:,} found; left out: {counts}", n=audience.counts.listed, counts=told)
    if audience.not_visible:
        refused = Phrase("nothing is sent: widen its contact range, or add --partial")
        what = Phrase("left out") if audience.is_partial else refused
        yield Phrase("the app cannot see {ids}: {what}", ids=audience.invisible, what=what)
    yield from _unknown_of(audience)
    if audience.nobody_count:
        yield Phrase(
            "{n:,} exclusion matches nobody, such as {one} | {n:,} exclusions match nobody, such as {one}",
            n=audience.nobody_count,
            one=audience.nobody[0],
        )


def _unknown_of(audience: "Audience") -> Iterator[Phrase]:
    """What the app lacks the scope to find out."""
    if audience.people and not audience.status_known:
        yield Phrase(
            "people who have resigned or not joined could not be left out: the app lacks the scope {scope}",
            scope="contact:user.employee:readonly",
        )
    if not audience.range_known:
        yield Phrase(
            "people who are named one by one in the app's contact range may be missing: Feishu lists them only with"
            " the scope {scope}",
            scope="contact:user.employee_id:readonly",
        )
    for name in audience.not_told:
        yield Phrase(
            "Feishu returned no {name} for anybody: the app lacks the scope {scope}, or nobody has one",
            name=name,
            scope=SCOPES[name],
        )


def _named(audience: "Audience", counts: dict[str, int]) -> Iterator[Phrase]:
    for reason, count in counts.items():
        of_reason = [each for each in audience.left_out if each.reason == reason]
        names = [f"{each.person} ({each.name})" if each.name else each.person for each in of_reason]
        if names:
            more = ["…"] if count > len(names) else []
            yield Phrase("{why}: {names}", why=_REASONS[reason], names=", ".join(names + more))
