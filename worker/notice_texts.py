"""What notices say, in the languages of desks."""

from collections.abc import Mapping

from ledger.announcement import Announcement
from ledger.notices import Notice, NoticeKind
from ledger.phrases import filled
from ledger.states import MOVING, State

__all__ = ["notice_text"]

_EN = {
    NoticeKind.FINISHED: "“{name}” has finished.",
    NoticeKind.CANCELLED: "“{name}” was cancelled.",
    NoticeKind.FIRST_N: "“{name}” has paused: its first row has ended. Look at it, then let the rest go on."
    " | “{name}” has paused: its first {n:,} rows have ended. Look at them, then let the rest go on.",
    NoticeKind.STOP_AT: "“{name}” has paused: more than {share} of its rows failed. Look at the failures, then let it"
    " go on or cancel it.",
    NoticeKind.SUBMITTED: "“{name}” waits for your approval: {n:,} row, submitted by {by}."
    " | “{name}” waits for your approval: {n:,} rows, submitted by {by}.",
    NoticeKind.APPROVED: "“{name}” was approved by {by}, and can be started.",
    NoticeKind.REJECTED: "“{name}” was rejected by {by}: {why}",
    "rows": "{n:,} row: {states} | {n:,} rows: {states}",
    "state": "{n:,} {state}",
    "comma": ", ",
    "waiting": "waiting",
    State.DELIVERED: "delivered",
    State.FAILED: "failed",
    State.UNKNOWN: "maybe sent",
    State.EXPIRED: "expired",
    State.CANCELLED: "cancelled",
}
_ZH = {
    NoticeKind.FINISHED: "公告“{name}”已结束。",
    NoticeKind.CANCELLED: "公告“{name}”已取消。",
    NoticeKind.FIRST_N: "公告“{name}”已暂停：前 {n:,} 行已处理完。请查看后再继续发送其余部分。",
    NoticeKind.STOP_AT: "公告“{name}”已暂停：失败的行超过 {share}。请查看失败原因，再决定继续或取消。",
    NoticeKind.SUBMITTED: "公告“{name}”等待你批准：共 {n:,} 行，由 {by} 提交。",
    NoticeKind.APPROVED: "公告“{name}”已由 {by} 批准，可以开始发送。",
    NoticeKind.REJECTED: "公告“{name}”被 {by} 驳回：{why}",
    "rows": "共 {n:,} 行：{states}",
    "state": "{state} {n:,}",
    "comma": "，",
    "waiting": "待发送",
    State.DELIVERED: "已送达",
    State.FAILED: "失败",
    State.UNKNOWN: "可能已发送",
    State.EXPIRED: "已过期",
    State.CANCELLED: "已取消",
}
#: In the order in which they are listed.
_ENDS = (State.DELIVERED, State.FAILED, State.UNKNOWN, State.EXPIRED, State.CANCELLED)
_TEXTS: Mapping[str, Mapping[str, str]] = {"en": _EN, "zh": _ZH}


def notice_text(notice: Notice, of: Announcement, language: str, public_url: str) -> str:
    """What happened, the counts, which sum to the rows, and a link, or the id without DESKBELL_PUBLIC_URL."""
    texts, spec = _TEXTS[language], of.spec
    n = of.total if notice.kind is NoticeKind.SUBMITTED else spec.first or 0
    values = {"name": spec.name, "by": notice.by, "why": notice.why, "n": n, "share": spec.stop_at}
    # Names and reasons come from people, and must not turn into mentions.
    safe = {name: value.replace("<", "‹") if isinstance(value, str) else value for name, value in values.items()}
    counts = [_counts(notice.counts, texts)] if any(notice.counts.values()) else []  # a draft has none
    link = f"{public_url}/console/announcements/{of.id}" if public_url else of.id
    return "\n".join((filled(texts[notice.kind], safe), *counts, link))


def _counts(counts: Mapping[State, int], texts: Mapping[str, str]) -> str:
    named = {texts[state]: counts[state] for state in _ENDS}
    named[texts["waiting"]] = sum(counts[state] for state in MOVING)
    states = texts["comma"].join(filled(texts["state"], {"n": n, "state": state}) for state, n in named.items() if n)
    return filled(texts["rows"], {"n": sum(named.values()), "states": states})
