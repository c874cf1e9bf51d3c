"""The backend for programs without access to Redis: the HTTP API of `deskbell web`."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, Unpack
from urllib.parse import quote

import orjson

from ledger.errors import BadInput, DeskbellError
from ledger.ids import is_announcement
from ledger.joining import SPANS
from ledger.phrases import Phrase
from ledger.record import Accepted, Announced, Record
from ledger.states import AnnouncementState, State, SteeringVerb
from ledger.times import new_time
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.recipients.source import Source
from producers.client.announcement_handle import AnnouncementStatus, DraftVerb, RowResult
from producers.client.arguments import AnnouncementArguments
from producers.client.event_draft import EventDraft, numbered
from producers.client.http_patience import Limits
from producers.client.http_problems import error_of
from producers.client.http_record import record_of
from producers.client.http_server import Server
from producers.client.http_upload import FilePart, Upload

__all__ = ["HttpBackend"]

T = TypeVar("T")

#: The check of a million rows takes a minute, and of emails that Feishu is asked about longer. Whoever waits in vain
#: repeats, and nothing is accepted twice.
ANNOUNCE_SECONDS = 600.0
#: Rows of an announcement that are asked for in one call: as many as the server gives.
_PAGE_ROWS = 1000
_EVENTS, _ANNOUNCEMENTS = "/v1/notifications", "/v1/announcements"


class HttpBackend:
    """`Notifier` says what each method promises and raises."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_seconds: float | None = None,
        server: Server | None = None,
    ) -> None:
        """`timeout_seconds` is for all tries of a call but `announce`; without it the times of the server count.

        Raises BadInput for an invalid URL or key.
        """
        self._server = server or Server(url, key)
        self._limits = Limits(timeout_seconds, timeout_seconds) if timeout_seconds else self._server.limits
        self._limits_of_announce = self._server.limits._replace(answer=ANNOUNCE_SECONDS)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._server.url!r})"

    def send(self, arguments: Sequence[Mapping[str, Any]]) -> list[Accepted]:
        drafts = EventDraft.build_all(arguments)
        events = [_event(draft) for draft in drafts]
        if len(events) == 1:
            results = [self._post(events[0], key=events[0]["key"])]
        else:
            results = self._post({"notifications": events}, key=events[0]["key"])["results"]
        for number, (result, event) in enumerate(zip(results, events, strict=True), 1):
            if "problem" in result:
                raise self._refusal(result["problem"], event, number, len(events))
        return [_accepted(result, draft) for result, draft in zip(results, drafts, strict=True)]

    def announce(
        self, rows: Iterable[Mapping[str, str]] | Path | None, draft: bool, **arguments: Unpack[AnnouncementArguments]
    ) -> Announced:
        answer = self._announce(rows, arguments, **({"draft": "true"} if draft else {}))
        return Announced(answer["id"], answer["total"], answer.get("duplicate", False))

    def test(
        self,
        rows: Iterable[Mapping[str, str]] | Path | None,
        to: str,
        row: int | str,
        **arguments: Unpack[AnnouncementArguments],
    ) -> str:
        return str(self._announce(rows, arguments, test_to=to, row=str(row))["id"])

    def _announce(
        self, rows: Iterable[Mapping[str, str]] | Path | None, arguments: Mapping[str, Any], **more: str
    ) -> Any:
        draft = AnnouncementDraft.build(arguments)  # what can be told here need not be asked
        if not isinstance(rows, Path | str):
            draft.reading.of_rows()
        with ExitStack() as stack:
            source = None if rows is None else stack.enter_context(closing(_source(rows)))
            excluded = stack.enter_context(closing(_excluded(draft))) if draft.audience.exclude else None
            upload = Upload(_fields(arguments) | more, _files(draft, source, excluded))
            return self._server.post(_ANNOUNCEMENTS, upload, key=draft.key, limits=self._limits_of_announce)

    def steer(self, id: str, verb: SteeringVerb) -> AnnouncementState:
        path = f"{_ANNOUNCEMENTS}/{quote(id, safe='')}/{verb}"
        answer = self._server.post(path, id=id, limits=self._limits)
        return AnnouncementState(answer["state"])

    def review(self, id: str, verb: DraftVerb, detail: str | None) -> AnnouncementState | None:
        named = {"approve": "fingerprint", "reject": "why", "start": "reason"}.get(verb)
        body = {named: detail} if named and detail is not None else None
        path = f"{_ANNOUNCEMENTS}/{quote(id, safe='')}/{verb}"
        answer = self._server.post(path, body, id=id, limits=self._limits)
        return AnnouncementState(answer["state"]) if "state" in answer else None

    def reschedule(self, id: str, at: datetime | str, timezone: str | None) -> State | AnnouncementState:
        kind, state = (_ANNOUNCEMENTS, AnnouncementState) if is_announcement(id) else (_EVENTS, State)
        # As a moment: a repeat of the call would otherwise mean another hour by "1h".
        body = {"at": new_time(at, timezone).isoformat()}
        path = f"{kind}/{quote(id, safe='')}/reschedule"
        return state(self._server.post(path, body, id=id, limits=self._limits)["state"])

    def test_draft(self, id: str, to: str, row: int | str) -> str:
        path = f"{_ANNOUNCEMENTS}/{quote(id, safe='')}/test"
        # With a key of its own, so that a repeat of the call sends no second message.
        body = {"to": to, "row": row, "key": secrets.token_hex(16)}
        answer = self._server.post(path, body, id=id, limits=self._limits)
        return str(answer["id"])

    def status(self, id: str) -> AnnouncementStatus:
        return _read(AnnouncementStatus.of_json, self._get(f"{_ANNOUNCEMENTS}/{quote(id, safe='')}", id))

    def rows(self, id: str) -> Iterator[RowResult]:
        cursor: int | None = 0
        while cursor is not None:
            query = f"cursor={cursor}&limit={_PAGE_ROWS}"
            page = self._get(f"{_ANNOUNCEMENTS}/{quote(id, safe='')}/results?{query}", id)
            yield from (_read(RowResult.of_json, row) for row in page["results"])
            cursor = page["next"]

    def get(self, id: str) -> Record:
        return record_of(self._get(f"{_EVENTS}/{quote(id, safe='')}", id))

    def close(self) -> None:
        self._server.close()

    def _get(self, path: str, id: str) -> Any:
        return self._server.get(path, id=id, limits=self._limits)

    def _post(self, body: Any, key: str) -> Any:
        return self._server.post(_EVENTS, body, key=key, limits=self._limits)

    def _refusal(self, problem: Any, event: Mapping[str, Any], number: int, total: int) -> DeskbellError:
        """Of one of several. The server tells of each by itself, so the others may be accepted."""
        error = error_of(problem["status"], problem, url=self._server.url, key=event["key"], id=None)
        return numbered(error, number, total) if type(error) is BadInput else error


def _read(read: Callable[[Any], T], told: Any) -> T:
    try:
        return read(told)
    except (KeyError, TypeError, ValueError):
        raise DeskbellError(Phrase("the server's answer cannot be read: is the server newer?")) from None


def _event(draft: EventDraft) -> dict[str, Any]:
    """The fields of `POST /v1/notifications`."""
    if draft.image:
        raise BadInput("image", Phrase("cannot be sent over HTTP: give a message with its image_key"))
    given = {**draft.given, **_times(draft.given), **_spans(draft.given)}
    if "message" in given:
        message = draft.notification.message
        given["message"] = {"msg_type": message.msg_type, "content": message.content}
    # A key of its own is what makes it safe to repeat the call when the answer was lost.
    return {"key": secrets.token_hex(16), **given}


def _accepted(told: Mapping[str, Any], draft: EventDraft) -> Accepted:
    # Nobody else has a key that was made here: a duplicate by it is one of our own tries.
    is_duplicate = told["duplicate"] and draft.notification.key is not None
    return Accepted(told["id"], is_duplicate, State(told["state"]), told.get("into"))


def _times(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: _written(given[name]) for name in ("at", "expires") if name in given}


def _spans(given: Mapping[str, Any]) -> dict[str, str]:
    spans = {name: given[name] for name in SPANS if isinstance(given.get(name), timedelta)}
    return {name: f"{span.total_seconds():f}s" for name, span in spans.items()}


def _written(time: datetime | str) -> str:
    return time.isoformat() if isinstance(time, datetime) else time


def _fields(arguments: Mapping[str, Any]) -> dict[str, str]:
    apart = ("message", "text", "markdown", "exclude")
    given = {name: value for name, value in arguments.items() if value is not None and name not in apart}
    return {name: _as_field(value) for name, value in (given | _times(given)).items()}


def _as_field(value: Any) -> str:
    if isinstance(value, list | tuple | set):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _source(rows: Iterable[Mapping[str, str]] | Path) -> Source:
    return Source.opened(Path(rows)) if isinstance(rows, Path | str) else Source.of_rows(rows)


def _excluded(draft: AnnouncementDraft) -> Source:
    # Reads files, so it is loaded with the first one.
    from producers.announcements.audience.files import exclusions_as_rows

    return exclusions_as_rows(draft.audience)


def _files(draft: AnnouncementDraft, source: Source | None, excluded: Source | None) -> dict[str, FilePart]:
    """The message, or the image that it is; and the recipients last, so that the rest is known when they come."""
    if draft.template:
        body: dict[str, FilePart] = {}
    elif draft.image:
        body = {"image": FilePart("image", "application/octet-stream", draft.image.data)}
    else:
        body = {"message": FilePart("message.json", "application/json", orjson.dumps(draft.spec.message))}
    files = {"exclude": excluded, "recipients": source}
    return body | {name: FilePart(file.name, "application/octet-stream", file) for name, file in files.items() if file}
