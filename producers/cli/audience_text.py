"""What the command line says of an audience: who is left out and why, what the app cannot see, and the first people."""

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING

from feishu.member import SCOPES
from ledger.phrases import Phrase
from producers.announcements.check import Checked

if TYPE_CHECKING:
    from producers.announcements.audience.audience import Audience

__all__ = ["people_of", "remarks_of_audience", "wrapped"]

_COLUMNS = 80
_REASONS = {
    "frozen": "paused by an administrator",
    "resigned": "resigned",
    "not_joined": "not joined yet",
    "excluded": "excluded",
    "duplicate": "listed more than once",
}


def people_of(audience: "Audience", checked: Checked) -> Iterator[str]:
    """The first three, with what the message says of them; and some of those who are left out. No log has them."""
    for person in audience.people:
        receiver_id, *fields = person.items()
        told = ", ".join(f"{name}: {value}" for name, value in fields)
        yield from wrapped(f"{receiver_id[1]}  {told}".rstrip())
    yield from _named(audience, audience.left_out_by_reason(checked))


def remarks_of_audience(audience: "Audience", checked: Checked) -> Iterator[str]:
    """As far as there is anything to remark."""
    counts = {reason: count for reason, count in audience.left_out_by_reason(checked).items() if count}
    if counts:
        told = ", ".join(f"{count:,} {_REASONS[reason]}" for reason, count in counts.items())
        yield from wrapped(f"{audience.counts.listed:,} found; left out: {told}")
    if audience.not_visible:
        what = "left out" if audience.is_partial else "nothing is sent: widen its contact range, or add --partial"
        yield from wrapped(f"the app cannot see {audience.invisible}: {what}")
    if audience.people and not audience.status_known:
        yield from wrapped(
            "people who have resigned or not joined could not be left out: the app lacks the scope "
            "contact:user.employee:readonly"
        )
    if not audience.range_known:
        yield from wrapped(
            "people who are named one by one in the app's contact range may be missing: Feishu lists them only with "
            "the scope contact:user.employee_id:readonly"
        )
    for name in audience.not_told:
        yield from wrapped(
            f"Feishu returned no {name} for anybody: the app lacks the scope {SCOPES[name]}, or nobody has one"
        )
    if audience.nobody_count:
        count = Phrase("{n:,} exclusion matches | {n:,} exclusions match", n=audience.nobody_count)
        yield from wrapped(f"{count} nobody, such as {audience.nobody[0]}")


def _named(audience: "Audience", counts: dict[str, int]) -> Iterator[str]:
    for reason, count in counts.items():
        of_reason = [each for each in audience.left_out if each.reason == reason]
        names = [f"{each.person} ({each.name})" if each.name else each.person for each in of_reason]
        if names:
            more = ", …" if count > len(names) else ""
            yield from wrapped(f"{_REASONS[reason]}: {', '.join(names)}{more}")


def wrapped(text: str) -> list[str]:
    """Lines for a screen of 80 columns."""
    return wrap(text, _COLUMNS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
