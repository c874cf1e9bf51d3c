"""What the console shows of an audience: the same that `announce --dry-run` tells."""

from console.ports import AudienceFound, LeftOut
from feishu.member import SCOPES
from producers.announcements.checked_announcement import CheckedAnnouncement

__all__ = ["audience_found"]

#: Ids, and exclusions that lead to nobody, which are named.
_NAMED = 10


def audience_found(announcement: CheckedAnnouncement) -> AudienceFound | None:
    """None when a file alone says who is meant."""
    audience, checked = announcement.audience, announcement.checked
    if audience is None:
        return None
    counts = audience.left_out_by_reason(checked)
    named = {reason: [each for each in audience.left_out if each.reason == reason] for reason in counts}
    return AudienceFound(
        found=audience.counts.listed,
        left_out=tuple(
            LeftOut(reason, count, tuple(each.name or each.person for each in named[reason]))
            for reason, count in counts.items()
            if count
        ),
        not_visible=audience.not_visible[:_NAMED],
        is_refused=audience.is_refused,
        status_known=audience.status_known,
        range_known=audience.range_known,
        not_told=tuple((name, SCOPES[name]) for name in audience.not_told),
        nobody=audience.nobody[:_NAMED],
        nobody_count=audience.nobody_count,
        people=audience.people,
    )
