"""The console's ports, implemented by producers: new announcements, callers and exports."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import PurePath
from typing import Any, cast

import orjson
from fastapi import APIRouter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse

from console import application
from console.ports import Asked, Column, Proposal, ProposedTimes, RowError, Sample, Uploaded
from feishu.verdict import AskFailed
from ledger.addresses import address_fields
from ledger.announcement import Spec
from ledger.api_keys import ApiKey, ApiKeys
from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput, NotFound
from ledger.ledger import Ledger
from ledger.loading import LOADING_MS
from ledger.messages.images import LocalImage
from ledger.messages.message_file import MessageTemplate, parse_message_template
from ledger.phrases import Phrase
from ledger.times import unix_ms, zone_of
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.announcements.audience.definition import ExclusionFile
from producers.announcements.checked_announcement import LoadedAnnouncement, checked_announcement
from producers.announcements.export import Format, export_of
from producers.announcements.preview import Preview, summarize
from producers.announcements.recipients import Recipients
from producers.announcements.recipients.joined import JoinedRecipients
from producers.announcements.recipients.reading_options import ReadingOptions
from producers.announcements.recipients.source import Source
from producers.web.access import is_local
from producers.web.announcement_intake import foreign, turns
from producers.web.console_audience import audience_found
from producers.web.console_contacts import DeskContacts
from producers.web.context import WebContext
from producers.web.key_limits import announce_within
from producers.web.problems import Problem

__all__ = ["console_of", "router"]

#: Leads those who come to the front door to the console.
router = APIRouter(include_in_schema=False)

#: Findings and duplicates that are shown one by one.
SHOWN = 100
_FLAGS = ("skip_invalid", "allow_duplicates", "everyone", "direct", "partial")
#: A message of these is the picture itself.
_IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".ico", ".tiff", ".heic"})
#: Of a file with exclusions: some hundred thousand addresses.
_EXCLUSION_BYTES = 8 * 1024 * 1024
#: More than any message, and any image, has.
_MESSAGE_BYTES = 11 * 1024 * 1024


@router.get("/")
@router.get("/console")
async def to_the_console() -> RedirectResponse:
    return RedirectResponse("/console/", 307)


def console_of(context: WebContext) -> Starlette:
    """The console of this web process. Raises BadInput for an invalid file of error codes."""
    return application(
        context.screen,
        ApiKeys(context.screen),
        proposals=LedgerProposals(context.ledger),
        contacts=DeskContacts(context.ledger),
        exports=lambda id, written_as, whole: export_of(context.ledger, id, Format(written_as), whole=whole),
        callers=WebCallers(context),
    )


class LedgerProposals:
    """What is proposed is loaded into the ledger, where it is forgotten after a day unless somebody accepts it. So it
    need not be uploaded twice, and whichever web process is asked next can accept it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def propose(self, asked: Asked, by: str) -> Proposal:
        try:
            return turns.take(by, lambda: self._propose(asked, by)).result()
        except Problem as problem:
            refusal = BadInput("recipients", problem.detail)
        except AskFailed as error:
            refusal = BadInput("audience", str(error))
        raise refusal

    def _propose(self, asked: Asked, by: str) -> Proposal:
        given = _arguments(asked)
        zone = zone_of(given["timezone"])
        if "between" not in given:  # whose zone stays with the announcement
            del given["timezone"]
        draft = AnnouncementDraft.build(given, zone=zone)

        def opened(options: ReadingOptions) -> Recipients:
            return _recipients(asked, options)

        is_named = asked.recipients or asked.lists.get("addresses")
        with checked_announcement(self._ledger, draft, opened if is_named else None, read=foreign) as announcement:
            summary = summarize(announcement)
            audience = audience_found(announcement)
            loaded = announcement.load() if announcement.is_acceptable else None
        return replace(_proposal(summary, self._keep(loaded, by) if loaded else None), audience=audience)

    def accept(self, token: str, by: str, sees: Callable[[str], bool], key: ApiKey | None) -> str:
        kept = cast(bytes | None, self._ledger.redis.get(self._name(token, by)))
        raw: dict[str, Any] = orjson.loads(kept) if kept else {}
        # The desk, too: the key may be for fewer of them than when the file was shown.
        if not raw or not sees(raw["spec"].get("desk", DEFAULT_DESK)):
            raise NotFound(Phrase("this preview (it is kept for a day, for the key that made it)"))
        spec = Spec.of_json(orjson.dumps(raw["spec"]))
        loaded = LoadedAnnouncement(raw["id"], spec, raw["total"], raw["content_hash"])
        return announce_within(self._ledger, key, loaded.total, partial(loaded.start, self._ledger, by)).id

    def _keep(self, loaded: LoadedAnnouncement, by: str) -> str:
        token = secrets.token_urlsafe(24)
        # `is_started` is unused: a web process of the version before, beside this one, cannot read it without.
        raw = {**asdict(loaded), "spec": orjson.loads(loaded.spec.to_json()), "is_started": False}
        self._ledger.redis.set(self._name(token, by), orjson.dumps(raw), px=LOADING_MS)
        return token

    def _name(self, token: str, by: str) -> str:
        """Bound to the person: the token alone is not enough."""
        return self._ledger.keys.proposal(hashlib.sha256(f"{by}\0{token}".encode()).hexdigest())


class WebCallers:
    """Shares counts with the HTTP API."""

    def __init__(self, context: WebContext) -> None:
        self._context = context

    def is_local(self, request: Request) -> bool:
        return is_local(request)

    def wait_seconds(self, key: ApiKey) -> float:
        return self._context.key_verifier.wait_seconds(key)

    def have_room(self, request: Request, key: str) -> bool:
        return self._context.shares.take(request.scope, key)


def _recipients(asked: Asked, options: ReadingOptions) -> Recipients:
    """Those of the file, and the typed addresses."""
    addresses = asked.lists.get("addresses", ())
    if asked.recipients is None:
        return foreign(Source.of_rows([address_fields(address) for address in addresses]), options)
    asked.recipients.file.seek(0)
    file = foreign(Source.spooled(asked.recipients.file, PurePath(asked.recipients.name).name), options)
    try:
        return JoinedRecipients(file, addresses, options.address_column) if addresses else file
    except BadInput:
        file.close()
        raise


def _arguments(asked: Asked) -> dict[str, Any]:
    """The arguments of `AnnouncementDraft.build`."""
    given: dict[str, Any] = {name: value for name, value in asked.fields.items() if name not in _FLAGS}
    given |= {name: name in asked.fields for name in _FLAGS}
    given |= {name: list(ids) for name in ("departments", "groups") if (ids := asked.lists.get(name))}
    if exclude := [*asked.lists.get("exclude", ()), *_exclusion_files(asked.exclude)]:
        given["exclude"] = exclude
    stem = PurePath(asked.recipients.name).stem if asked.recipients else "everyone" if given["everyone"] else "audience"
    stem = "".join(each for each in stem if each.isprintable())
    given.setdefault("name", stem[:200] or "recipients")
    if "weight" in given and not given["weight"].isdecimal():
        raise BadInput("weight", "must be a whole number from 1 to 100")
    if asked.message:
        given["message"] = _message(asked.message)
    return given


def _exclusion_files(uploaded: Uploaded | None) -> list[ExclusionFile]:
    if uploaded is None:
        return []
    uploaded.file.seek(0)
    content = uploaded.file.read(_EXCLUSION_BYTES + 1)
    if len(content) > _EXCLUSION_BYTES:
        raise BadInput("exclude", Phrase("has more than {most:,} bytes", most=_EXCLUSION_BYTES))
    return [ExclusionFile(PurePath(uploaded.name).name, content)]


def _message(uploaded: Uploaded) -> MessageTemplate:
    uploaded.file.seek(0)
    data, name = uploaded.file.read(_MESSAGE_BYTES), PurePath(uploaded.name).name
    if PurePath(name).suffix.lower() not in _IMAGES:
        return parse_message_template(data, name)
    image = LocalImage.check(data, name=name, where="message")
    return MessageTemplate({"msg_type": "image", "content": {"image_sha256": image.sha256}}, image)


def _proposal(summary: Preview, token: str | None) -> Proposal:
    checked = summary.checked
    return Proposal(
        token=token,
        name=summary.draft.spec.name,
        desk=summary.draft.spec.desk,
        source=summary.source,
        addressed=tuple((kind, rows) for kind, rows in checked.addressed.items() if rows),
        columns=tuple(Column(*column) for column in checked.all_columns),
        sheet_remarks=tuple(summary.sheet_remarks),
        rows=checked.rows,
        accepted=checked.accepted,
        invalid=checked.invalid,
        findings=tuple(RowError(*problem) for problem in checked.problems[:SHOWN]),
        finding_count=checked.problem_count,
        duplicates=tuple((each.line, each.first_line) for each in checked.duplicates[:SHOWN]),
        duplicate_count=checked.duplicate_count,
        are_duplicates_dropped=not checked.options.allow_duplicates,
        calls=summary.calls,
        running_beside=summary.timing.others,
        times=_times(summary),
        stops=tuple(summary.draft.spec.stops),
        same_content=summary.same_content,
        samples=tuple(Sample(sample.line, sample.message) for sample in checked.samples),
    )


def _times(summary: Preview) -> ProposedTimes:
    spec = summary.draft.spec
    return ProposedTimes(
        starts_ms=summary.timing.starts_ms,
        is_at_once=summary.timing.is_at_once,
        finishes_ms=summary.timing.finishes_ms,
        seconds=summary.timing.seconds,
        expires_ms=unix_ms(spec.expires_at) or None,
        is_too_late=summary.timing.is_too_late,
        between=spec.between,
    )
