"""The message for several events, with a line for each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from ledger.errors import BadInput
from ledger.messages.content import Message, parse_message
from ledger.messages.joined_texts import Fired, Wording

__all__ = ["Line", "Told", "joined_message"]

#: Lines of a throttled message.
LAST_LINES = 5
#: Lines of a digest, over all groups, and its groups; fewer until it is small enough to be sent.
_SIZES = ((60, 40), (30, 40), (10, 40), (0, 20), (0, 5))


@dataclass(frozen=True, slots=True)
class Line:
    """What one event says."""

    at_ms: int
    group: str = field(repr=False)
    text: str = field(repr=False)
    fired: Fired | None = None  #: of one that tells of the end of an alert


@dataclass(frozen=True, slots=True)
class Told:
    """The content of the message. `lines` are the newest first, and may be fewer than `count`."""

    is_throttled: bool
    since_ms: int
    count: int
    lines: Sequence[Line]
    groups: Mapping[str, int]  #: how many events each has; there may be more than these
    wording: Wording
    expired: int = 0  #: further events, which are left out


def joined_message(told: Told) -> Message:
    """A post: a line is plain text in it, and mentions nobody."""
    if told.is_throttled:
        return _post(_heading(told), [_told_line(told, line) for line in told.lines[:LAST_LINES]] + _expired(told))
    for lines, groups in _SIZES:
        try:
            return _post(_heading(told), [*_groups(told, lines, groups), *_expired(told)])
        except BadInput as error:
            too_large = error
    raise too_large


def _post(title: str, paragraphs: Sequence[tuple[str, bool]]) -> Message:
    content: list[JsonValue] = [[_text(text, is_bold)] for text, is_bold in paragraphs]
    return parse_message({"msg_type": "post", "content": {"post": {"zh_cn": {"title": title, "content": content}}}})


def _text(text: str, is_bold: bool) -> JsonValue:
    return {"tag": "text", "text": text, **({"style": ["bold"]} if is_bold else {})}


def _heading(told: Told) -> str:
    newest_ms = told.lines[0].at_ms if told.lines else told.since_ms
    since = told.wording.since(told.since_ms, newest_ms)
    return told.wording.text("throttled" if told.is_throttled else "digest", n=told.count, since=since)


def _told_line(told: Told, line: Line) -> tuple[str, bool]:
    fired = f" · {told.wording.fired(line.fired, line.at_ms)}" if line.fired else ""
    return f"{told.wording.clock(line.at_ms)} {line.text}{fired}", False


def _groups(told: Told, most_lines: int, most_groups: int) -> Iterator[tuple[str, bool]]:
    """The group with the newest line first; groups without a line come last."""
    lines: dict[str, list[Line]] = {line.group: [] for line in told.lines if line.group in told.groups}
    for line in told.lines:
        if line.group in lines:
            lines[line.group].append(line)
    shown = list(dict.fromkeys([*lines, *told.groups]))[:most_groups]
    each, say = (max(1, most_lines // len(shown)) if most_lines and shown else 0), told.wording.text
    for group in shown:
        count, newest = told.groups[group], lines.get(group, [])[:each]
        if group:
            yield say("group", group=group, n=count), True
        yield from (_told_line(told, line) for line in newest)
        if count > len(newest):
            yield say("left_out", n=count - len(newest)), False
    if left_out := told.count - sum(told.groups[group] for group in shown):
        yield say("other_groups", n=left_out), False


def _expired(told: Told) -> list[tuple[str, bool]]:
    return [(told.wording.text("expired", n=told.expired), False)] if told.expired else []
