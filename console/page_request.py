"""A page's request: the viewer, the language, form and query fields, and the possible answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import redis
from jinja2 import Environment
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from console.attention import Attention, attention_of
from console.cookies import SESSION, cookie_of
from console.failures import Failures
from console.i18n import Language
from console.live import Draw, Live, LivePart
from console.ports import Ports
from console.sessions import Sessions, Viewer, csrf_token
from console.spans import Span
from feishu.codes import CodeTable
from ledger.announcement import Announcement
from ledger.api_keys import ApiKeys
from ledger.audit_log import record_action
from ledger.errors import BadInput, DeskbellError, NotFound
from ledger.ids import is_announcement
from ledger.ledger import Ledger
from ledger.messages.json_fields import shortened
from ledger.phrases import Phrase
from ledger.states import State

__all__ = ["MOST_CODE", "THEMES", "ConsoleContext", "PageRequest", "one_of", "own_path"]

THEMES = ("auto", "light", "dark")
#: Feishu's codes have at most nine digits.
MOST_CODE = 999_999_999_999
#: More edits than any draft has.
MOST_EDITS = 10**9
#: Where the console is mounted.
ROOT = "/console"
#: Of a query: what tells the result of an action, once.
_OF_FLASH = ("flash", "n", "id")


@dataclass(frozen=True)
class ConsoleContext(Ports):
    """The objects that all pages of a web process share: `app.state.context` of the application."""

    ledger: Ledger
    keys: ApiKeys
    sessions: Sessions
    live: Live
    codes: CodeTable
    failures: Failures
    templates: Environment


@dataclass(frozen=True)
class PageRequest:
    """The argument of a page."""

    http: Request
    context: ConsoleContext
    viewer: Viewer | None  #: None on the sign-in page
    say: Language
    cookie: str
    form: FormData | None = None
    redis_is_away: bool = False  #: it was found out for this request

    @property
    def who(self) -> Viewer:
        if self.viewer is None:
            raise RuntimeError("this page needs a signed-in user")
        return self.viewer

    def query(self, name: str) -> str:
        return self.http.query_params.get(name, "").strip()

    def values(self, name: str) -> list[str]:
        """All values of a name in the query and the form."""
        given = [*self.http.query_params.getlist(name), *(self.form.getlist(name) if self.form else [])]
        return [value for value in given if isinstance(value, str)]

    def part(self, name: str) -> str:
        """A part of the path."""
        return str(self.http.path_params[name])

    def field(self, name: str) -> str:
        """A field of the form, or empty."""
        value = self.form.get(name) if self.form else None
        return value.strip() if isinstance(value, str) else ""

    def file(self, name: str) -> UploadFile | None:
        value = self.form.get(name) if self.form else None
        return value if isinstance(value, UploadFile) and value.filename else None

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """A field of the form with one of these values. Raises BadInput."""
        return one_of(name, self.field(name), allowed)

    def addresses(self, name: str) -> list[str]:
        """Those of a field of the form, one on a line, or divided by commas."""
        return [each.strip() for each in self.field(name).replace("\n", ",").split(",") if each.strip()]

    def version(self) -> int:
        """The version of a draft that the form was made for; 0 without one. Raises BadInput."""
        return self.number("version", MOST_EDITS) or 0

    def announcement(self) -> Announcement:
        """The one in the path. Raises NotFound, also if its desk is not the viewer's."""
        id = self.part("id")
        if not is_announcement(id):
            raise NotFound(shortened(id))
        announcement = self.context.ledger.announcements.get(id)
        self.who.check_desk(announcement.spec.desk, announcement.id)
        return announcement

    def state(self) -> State | None:
        """The state in the query, or None. Raises BadInput."""
        value = self.query("state")
        return State(one_of("state", value, tuple(State))) if value else None

    def span(self) -> Span:
        """The span of the charts in the query. Raises BadInput."""
        return Span(one_of("span", self.query("span") or Span.HOUR, tuple(Span)))

    def number(self, name: str, most: int, *, least: int = 0) -> int | None:
        """A number from the query or the form, or None. Raises BadInput."""
        value = self.query(name) or self.field(name)
        if not value:
            return None
        # Length first: Python refuses to parse thousands of digits.
        is_number = value.isascii() and value.removeprefix("-").isdecimal() and len(value) <= len(str(most)) + 1
        if not is_number or not least <= int(value) <= most:
            raise BadInput(name, Phrase("must be a whole number from {least:,} to {most:,}", least=least, most=most))
        return int(value)

    def check_desk(self, desk: str) -> None:
        """Raises BadInput for a desk that is not the person's."""
        if not self.who.sees(desk):
            raise BadInput("desk", Phrase("is not one of your desks"))

    def note(self, did: str, id: str = "") -> None:
        """Records this person's action in the audit log."""
        record_action(self.context.ledger, self.who.by, did, id)

    def page(self, template: str, status: int = 200, /, **context: Any) -> Response:
        return HTMLResponse(self.render(template, **context), status)

    def render(self, template: str, /, **context: Any) -> str:
        return self.context.templates.get_template(template).render(request=self, say=self.say, **context)

    def view(self, draw: Draw, announcement: str = "", span: Span = Span.HOUR) -> LivePart:
        return LivePart(draw, self.say.name, self.who.desks, announcement, self.who.approver, span)

    def stream(self, draw: Draw, announcement: str = "", span: Span = Span.HOUR) -> Response:
        """The live parts of a page. Proxies must not buffer it."""
        events = self.context.live.stream(self.view(draw, announcement, span), self.who, self.query("shown"))
        return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    def to(self, path: str, **query: object) -> Response:
        """Redirects. `flash` names a text under `flash.` for the next page."""
        return RedirectResponse(url(path, query), 303)

    def back(self, **query: object) -> Response:
        """Redirects to the page that the form names in `back`."""
        path, _, old = own_path(self.field("back")).partition("?")
        kept = [part for part in old.split("&") if part and part.partition("=")[0] not in _OF_FLASH]
        query_now = "&".join([*kept, *([urlencode(query)] if query else [])])
        return RedirectResponse(f"{ROOT}{path}?{query_now}".removesuffix("?"), 303)

    # -- on every page

    @cached_property
    def csrf(self) -> str:
        return csrf_token(self.cookie, cookie_of(self.http, SESSION) or "")

    @cached_property
    def theme(self) -> str:
        theme = cookie_of(self.http, "deskbell_theme")
        return theme if theme in THEMES else "auto"

    @property
    def here(self) -> str:
        """The path of this page, to return to it."""
        path = self.http.scope["path"].removeprefix(ROOT) or "/"
        query = self.http.url.query
        return f"{path}?{query}" if query and self.http.method == "GET" else str(path)

    @cached_property
    def attention(self) -> Attention:
        """Asks Redis at most once, so that a page without it is there within the time of one answer."""
        if self.redis_is_away:
            return Attention.when_away()
        try:
            return attention_of(self.context.live.snapshot(), self.who.sees, self.who.approver)
        except (DeskbellError, redis.RedisError):
            return Attention.when_away()

    @property
    def desks(self) -> frozenset[str] | None:
        """Those that the viewer sees and whose servers answer; None is all."""
        away = {desk for server in self.context.live.snapshot().away for desk in server.desks}
        if not away:
            return self.who.desks
        return frozenset(name for name in self.context.ledger.settings.all_desks if self.who.sees(name)) - away

    @property
    def flash(self) -> str | None:
        """The result of the previous action. The URL can select only texts of the catalogue."""
        key = f"flash.{self.query('flash')}"
        if not self.query("flash") or not self.say.knows(key):
            return None
        return self.say(key, n=self.query("n")[:12], id=self.query("id")[:40])

    @property
    def needs_nobody_to_sign_in(self) -> bool:
        return self.viewer is not None and self.viewer.digest is None


def one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """Raises BadInput."""
    if value not in allowed:
        raise BadInput(name, Phrase("must be one of {choices}", choices=", ".join(allowed)))
    return value


def own_path(path: str) -> str:
    """The path, if it is within the console. Browsers treat a backslash as a slash, and drop tabs and line breaks."""
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if is_ours else "/"


def url(path: str, query: Mapping[str, object]) -> str:
    parameters = {name: value for name, value in query.items() if value not in (None, "")}
    return ROOT + path + ("?" + urlencode(parameters) if parameters else "")
