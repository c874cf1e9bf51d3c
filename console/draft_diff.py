"""What has changed in a draft since it was rejected: its message by lines, its options one by one, its rows."""

import difflib
from collections.abc import Iterator
from typing import Literal, NamedTuple

import orjson

from console.i18n import Language
from console.templating import in_zone
from ledger.announcement import Announcement, Spec
from ledger.draft import Rejected
from ledger.times import unix_ms

__all__ = ["Change", "DraftDiff", "Line", "diff_of"]

#: Lines of a message that are compared one by one; of a longer one all of them count as changed.
MOST_LINES = 1000
#: Lines that stay, around those that changed.
AROUND = 2


class Line(NamedTuple):
    """A line of the message. `gap`: unchanged lines, which are not shown."""

    mark: Literal["same", "added", "removed", "gap"]
    text: str


class Change(NamedTuple):
    """An option that was one thing and is another."""

    label: str
    before: str
    after: str


class DraftDiff(NamedTuple):
    """Empty parts did not change."""

    message: tuple[Line, ...]
    options: tuple[Change, ...]
    rows_before: int
    rows: int
    same_rows: bool

    def __bool__(self) -> bool:
        return bool(self.message or self.options or not self.same_rows)


def diff_of(say: Language, draft: Announcement) -> DraftDiff | None:
    """None when it was never rejected."""
    rejected = draft.draft and draft.draft.rejected
    return _diff(say, draft, rejected) if draft.draft and rejected else None


def _diff(say: Language, draft: Announcement, rejected: Rejected) -> DraftDiff:
    before = Spec.of_json(rejected.spec)
    same_rows = draft.draft is not None and draft.draft.rows_sha256 == rejected.rows_sha256
    message = tuple(_lines(_text_of(before), _text_of(draft.spec)))
    return DraftDiff(message, tuple(_changes(say, before, draft.spec)), rejected.rows, draft.total, same_rows)


def _text_of(spec: Spec) -> list[str]:
    """As somebody wrote it, or else its JSON."""
    if spec.markdown is not None:
        return spec.markdown.splitlines()
    content = spec.message["content"]
    if spec.message["msg_type"] == "text" and isinstance(content, dict):
        return str(content.get("text", "")).splitlines()
    return orjson.dumps(spec.message, option=orjson.OPT_INDENT_2).decode().splitlines()


def _lines(before: list[str], after: list[str]) -> Iterator[Line]:
    if before == after:
        return
    if max(len(before), len(after)) > MOST_LINES:
        yield from (Line("removed", text) for text in before)
        yield from (Line("added", text) for text in after)
        return
    shown = 0
    for group in difflib.SequenceMatcher(None, before, after).get_grouped_opcodes(AROUND):
        if group[0][1] > shown:
            yield Line("gap", "")
        for kind, begins, ends, new_begins, new_ends in group:
            if kind == "equal":
                yield from (Line("same", text) for text in before[begins:ends])
            else:
                yield from (Line("removed", text) for text in before[begins:ends])
                yield from (Line("added", text) for text in after[new_begins:new_ends])
            shown = ends


def _changes(say: Language, before: Spec, after: Spec) -> Iterator[Change]:
    was, now = _options(say, before), _options(say, after)
    return (Change(say(label), was[label], now[label]) for label in now if was[label] != now[label])


def _options(say: Language, spec: Spec) -> dict[str, str]:
    """By the keys of their labels in the catalogue."""
    zone = spec.timezone or "UTC"
    return {
        "list.name": spec.name,
        "announcement.desk": spec.desk,
        "announcement.receive_type": say(f"receive.{spec.receive_type}"),
        "announcement.on_open_ticket": say(f"on_open_ticket.{spec.on_open_ticket}"),
        "announcement.on_unknown": say(f"on_unknown.{spec.on_unknown}"),
        "proposal.starts": in_zone(unix_ms(spec.at), zone) if spec.at else say("proposal.at_once"),
        "announcement.expires": in_zone(unix_ms(spec.expires_at), zone) if spec.expires_at else "–",
        "announcement.hours": f"{spec.between} {zone}" if spec.between else say("announcement.any_time"),
        "new.first": f"{spec.first:,}" if spec.first else "–",
        "new.stop_at": spec.stop_at or "–",
        "new.notify": spec.notify or "–",
        "announcement.weight": str(spec.weight),
    }
