"""What a caller hands in, as notifications. The fields are those of `Notification`, by their names."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput, DeskbellError
from ledger.joining import SPANS
from ledger.ledger import MOST_AT_ONCE
from ledger.messages.jinja_budget import BUDGET
from ledger.messages.json_fields import kind_of
from ledger.notification import FIELDS_OF_OURS, Notification
from ledger.phrases import Phrase
from ledger.saved_template import SavedTemplate
from ledger.settings import Settings
from ledger.template_filling import filled_event
from producers.web.access import Caller
from producers.web.bodies import check_known

__all__ = ["FIELDS", "KEY_CHARACTERS", "FoundTemplates", "NotificationParser", "given_key", "templates_named"]

#: By desk and by how they are named; where there is none, why.
FoundTemplates = Mapping[tuple[str, str], SavedTemplate | DeskbellError]

#: A caller writes `expires` for `expires_at`, and for `message` perhaps `text`, `markdown`, or `template` with its
#: `variables`. A path such as the client's `image` is no field here: it would be read on the server.
FIELDS = (frozenset(Notification.model_fields) - FIELDS_OF_OURS - {"expires_at"}) | {
    *("text", "markdown", "template", "variables", "expires", "timezone"),
}
#: Templates that one request may name.
MOST_TEMPLATES = 20
#: What the templates of one request may cost, in the units of a message's budget (µs at most).
_WORK = 2_000_000
#: What Notification itself would also take as a number of seconds.
_TIMES = ("at", "expires", *SPANS)
#: Longest Idempotency-Key: in a batch, each item's number is put behind it, and all of it must be a key.
KEY_CHARACTERS = 250


class NotificationParser:
    """Builds the notifications of one request."""

    def __init__(
        self, settings: Settings, caller: Caller, key: str | None, now: datetime, templates: FoundTemplates
    ) -> None:
        """`key` is that of the header."""
        self._settings, self._caller, self._key, self._now = settings, caller, key, now
        self._templates = templates
        self._began: int | None = None

    @property
    def has_templates(self) -> bool:
        """Then the size of the body does not tell how much work it is."""
        return bool(self._templates)

    def one(self, raw: Mapping[str, Any]) -> Notification:
        """Raises BadInput, or Problem (403) for a desk that the caller may not use."""
        if self._key is not None and raw.get("key") not in (None, self._key):
            raise BadInput("key", Phrase("differs from the header Idempotency-Key: give one of them"))
        return self._built(raw, self._key)

    def each(self, raws: Any) -> list[Notification | DeskbellError]:
        """Of a batch; what is wrong with an item stands in its place. Raises BadInput for what is no batch.

        An item without a key has that of the header, a slash, and its number from 0.
        """
        if not isinstance(raws, list):
            raise BadInput("notifications", Phrase("must be a list, not {kind}", kind=kind_of(raws)))
        if not 0 < len(raws) <= MOST_AT_ONCE:
            raise BadInput(
                "notifications", Phrase("must have 1 to {most:,} items, not {n:,}", most=MOST_AT_ONCE, n=len(raws))
            )
        return [self._item(raw, number) for number, raw in enumerate(raws)]

    def _item(self, raw: Any, number: int) -> Notification | DeskbellError:
        try:
            return self._built(raw, None if self._key is None else f"{self._key}/{number}")
        except DeskbellError as error:
            return error

    def _built(self, raw: Any, key: str | None) -> Notification:
        if not isinstance(raw, dict):
            raise BadInput("notification", Phrase("must be an object, not {kind}", kind=kind_of(raw)))
        given = {name: value for name, value in raw.items() if value is not None}
        check_known(given, FIELDS)
        for name in _TIMES:
            if name in given and not isinstance(given[name], str):
                raise BadInput(name, Phrase("must be a string: a time, or a duration such as 1h"))
        if key is not None:
            given.setdefault("key", key)
        self._check_desk(given.get("desk", DEFAULT_DESK))
        if "template" in given or "variables" in given:
            given = filled_event(given, self._find)
        return Notification.build(given, now=self._now, caller=self._caller.key_id)

    def _find(self, desk: str, written: object) -> SavedTemplate:
        if self._began is None:
            self._began = BUDGET.spent  # of this thread, in which the whole request is read
        if BUDGET.spent - self._began > _WORK:
            raise BadInput("template", Phrase("needs too much work for one request: send fewer at once"))
        found = self._templates[desk, str(written)]
        if isinstance(found, DeskbellError):
            raise found
        return found

    def _check_desk(self, desk: Any) -> None:
        if not isinstance(desk, str):
            raise BadInput("desk", Phrase("must be a string, not {kind}", kind=kind_of(desk)))
        self._settings.desk(desk)
        self._caller.check_desk(desk)


def templates_named(body: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The desks and templates that a request names, as far as they can be names. Raises BadInput for too many."""
    items = body.get("notifications", [body])
    named = {
        (item.get("desk") or DEFAULT_DESK, item["template"])
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, dict) and isinstance(item.get("template"), str) and isinstance(item.get("desk"), str | None)
    }
    if len(named) > MOST_TEMPLATES:
        problem = Phrase("names {n} templates: one request may name {most}", n=len(named), most=MOST_TEMPLATES)
        raise BadInput("notifications", problem)
    return named


def given_key(header: str | None) -> str | None:
    """The Idempotency-Key of a request. Raises BadInput."""
    if header is not None and not (0 < len(header) <= KEY_CHARACTERS):
        raise BadInput("Idempotency-Key", Phrase("must have 1 to {most} characters", most=KEY_CHARACTERS))
    return header
