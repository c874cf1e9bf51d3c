"""A hook: turns a request of another system into notifications, without sending them."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from ledger.errors import BadInput
from ledger.messages.images import LocalImage
from ledger.messages.jinja_budget import BUDGET
from ledger.messages.json_fields import kind_of
from ledger.notification import Notification
from ledger.phrases import Phrase, phrase_of
from producers.hooks.alert_group import alert_group
from producers.hooks.brief import brief_of
from producers.hooks.cloudevents import Event, cloud_events
from producers.hooks.hook_request import HookRequest
from producers.hooks.hook_template import TemplateName
from producers.hooks.payload import JsonList, JsonObject, plain_value
from producers.hooks.recipe import Recipe
from producers.hooks.rule import Made, Rule
from producers.hooks.signature import SignatureCheck
from producers.hooks.template_context import TemplateContext, expression

__all__ = ["MOST_ITEMS", "NOTHING_HOLDS", "Hook", "Rendered", "token_digest"]

#: Of `for_each`. What is behind them is skipped, and the answer says so.
MOST_ITEMS = 100
#: What the templates may cost for one request, in the units of a message's budget (µs at most).
_WORK = 2_000_000
#: Why an item is skipped.
NOTHING_HOLDS = Phrase("no condition is true, or there is no receiver")
#: Notifications of one request: what the ledger takes at once.
_MOST_NOTIFICATIONS = 1000
#: Of the messages of one request, all receivers counted. Ten times what is posted at most.
_MOST_MESSAGE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Rendered:
    """The notifications of a request, and the reason for skipped items and other parts."""

    notifications: tuple[Notification, ...]
    skipped: int = 0
    reason: str | None = None
    lost: int = 0  #: parts that somebody should have got as a message, and could not be made into one

    def as_json(self) -> dict[str, Any]:
        """For another process, with orjson and phrases as its default."""
        notifications = [orjson.Fragment(each.to_input()) for each in self.notifications]
        rest = {"skipped": self.skipped, "reason": self.reason, "lost": self.lost}
        return {"notifications": notifications, **rest}

    @classmethod
    def of_json(cls, raw: Mapping[str, Any]) -> Self:
        """What `as_json` wrote, from another process that has read somebody's payload: so it is checked again."""
        notifications = tuple(Notification.model_validate_json(orjson.dumps(each)) for each in raw["notifications"])
        return cls(notifications, raw["skipped"], raw["reason"] and phrase_of(raw["reason"]), raw["lost"])


@dataclass(slots=True)
class _Taken:
    """What has come of a request so far."""

    notifications: list[Notification] = field(default_factory=list)
    problems: list[BadInput] = field(default_factory=list)
    items: int = 0
    skipped: int = 0
    lost: int = 0
    message_bytes: int = 0

    def add(self, made: Made) -> None:
        self.items += 1
        self.skipped += not made.notifications
        self.notifications += made.notifications
        self.problems += made.problems
        self.lost += made.lost
        self.message_bytes += _size(made.notifications)

    def fail(self, problem: BadInput) -> None:
        self.add(Made(problems=[problem], lost=1))


class Hook:
    """One entry of the hooks file, compiled. Thread-safe."""

    def __init__(
        self,
        recipe: Recipe,
        signature_check: SignatureCheck | None,
        check_desk: Callable[[str], object],
        tokens: Collection[str] = (),
    ) -> None:
        """`check_desk` raises BadInput for an unknown desk. Raises BadInput naming the hook and the field."""
        fields, where = recipe.fields, f"hook.{recipe.name}"
        self.recipe = recipe
        self.name = recipe.name
        self.use = fields.use
        self.signature_check = signature_check
        self.token_digests = frozenset(map(token_digest, tokens))
        self.format = fields.format
        self._is_ready_made = recipe.origin.is_ready_made
        self._when = expression(fields.when, f"{where}.when") if fields.when else None
        self._for_each = expression(fields.for_each, f"{where}.for_each") if fields.for_each else None
        self._rules = [
            Rule(recipe, each, f"{where}.case[{at}]" if fields.case else where, check_desk)
            for at, each in enumerate(recipe.cases)
        ]

    def render(self, request: HookRequest, message_id: str | None = None) -> Rendered:
        """The notifications to accept; none where no condition holds. Parts that fail are left out, and told.

        `message_id` stands in for `signed_id`, where the signature is not known.

        Raises:
            BadInput: the body is not what it should be, or all that would be sent fails. Nothing of it is repeated.
        """
        taken, began, left_out = _Taken(), BUDGET.spent, 0
        message_id = message_id or self.signed_id(request)
        for event in self._events(request):
            if isinstance(event, BadInput):
                taken.fail(event)
                continue
            items, more = self._items(self._context(request, event), taken)
            left_out += more
            for context in items:
                self._take(context, message_id, taken)
                self._check_bounds(BUDGET.spent - began, taken)
        if taken.problems and not taken.notifications:
            raise taken.problems[0]
        skipped, lost = taken.skipped + left_out, taken.lost + left_out
        return Rendered(tuple(taken.notifications), skipped, _reason(taken, left_out), lost)

    def signed_id(self, request: HookRequest) -> str | None:
        """The id of the message, where it is signed: a hook without `key` takes it, so that a replay is none."""
        signature_check = self.signature_check
        return signature_check.message_id(request) if signature_check and signature_check.stops_replays else None

    @property
    def asks_for(self) -> str:
        """What admits a sender: `key`, `token`, or `signature of github`."""
        if self.signature_check is not None:
            return Phrase("signature of {tool}", tool=str(self.signature_check.signature))
        return Phrase("token") if self.token_digests else Phrase("key")

    @property
    def images(self) -> list[LocalImage]:
        """Whose bytes must be in the ledger before a notification of this hook is."""
        return [rule.image for rule in self._rules if rule.image]

    @property
    def template_names(self) -> list[TemplateName]:
        """Of the saved templates that a request must bring along."""
        return [rule.template_name for rule in self._rules if rule.template_name]

    def _events(self, request: HookRequest) -> Iterator[Event | BadInput]:
        if self.format == "cloudevents":
            yield from cloud_events(request)
        elif self.format == "slack":
            yield Event(request.json_or_form("payload"), request.digest)
        else:
            yield Event(request.json(), request.digest)

    def _context(self, request: HookRequest, event: Event) -> TemplateContext:
        group = alert_group(event.payload) if self.format == "alerts" else None
        brief = brief_of(event.payload) if self.format == "generic" else None
        headers, templates = request.shown_headers, request.templates
        return TemplateContext(self.name, event.digest, event.payload, headers, group, brief, templates=templates)

    def _items(self, context: TemplateContext, taken: _Taken) -> tuple[list[TemplateContext], int]:
        """The items that are used, and how many there are behind them."""
        if self._for_each is None:
            return [context], 0
        try:
            found = self._for_each.value(context.values())
            if not isinstance(found, list | JsonList):
                raise BadInput(self._for_each.where, Phrase("must be a list, not {kind}", kind=_kind(found)))
        except BadInput as error:
            if not self._is_ready_made:
                raise
            taken.problems.append(error)
            return [context], 0  # which makes a plain text: nothing else fits what is no list of items
        used = []
        for item in list(found[:MOST_ITEMS]):
            if isinstance(item, JsonObject | str):
                used.append(context.about(item))
            else:
                problem = Phrase("must be a list of objects or texts, not of {kind}", kind=_kind(item))
                taken.fail(BadInput(self._for_each.where, problem))
        return used, max(len(found) - MOST_ITEMS, 0)

    def _take(self, context: TemplateContext, message_id: str | None, taken: _Taken) -> None:
        try:
            taken.add(self._made(context, None if message_id is None else f"{message_id}/{taken.items}"))
        except BadInput as error:
            taken.fail(error)

    def _made(self, context: TemplateContext, fallback_key: str | None) -> Made:
        """What the first rule that applies makes."""
        if self._when is not None and not self._when.holds(context.values()):
            return Made()
        rule = next((each for each in self._rules if each.holds(context)), None)
        return Made() if rule is None else rule.made(context, fallback_key)

    def _check_bounds(self, work: int, taken: _Taken) -> None:
        """After each item: nothing is made that is not taken."""
        problem = None
        if work > _WORK:
            problem = Phrase("needs too much work for one request: use fewer filters or shorter loops")
        elif len(taken.notifications) > _MOST_NOTIFICATIONS:
            problem = Phrase(
                "results in more than {most:,} notifications: post fewer items at once", most=_MOST_NOTIFICATIONS
            )
        elif taken.message_bytes > _MOST_MESSAGE_BYTES:
            problem = Phrase(
                "results in more than {most:,} bytes of messages: use shorter texts or fewer receivers",
                most=_MOST_MESSAGE_BYTES,
            )
        if problem:
            raise BadInput(f"hook.{self.name}", problem)


def token_digest(token: str) -> str:
    """What is kept and looked up instead of a token: so the time of a look-up says nothing about it."""
    return hashlib.sha256(token.encode()).hexdigest()


def _reason(taken: _Taken, left_out: int) -> str | None:
    if left_out:
        return Phrase(
            "for_each has {count:,} items: only the first {used} were used",
            count=taken.items + left_out,
            used=taken.items,
        )
    if taken.problems:
        first, others = taken.problems[0].args[0], len(taken.problems) - 1
        return Phrase("{problem} (and {count} more)", problem=first, count=others) if others else first
    if not taken.items:
        return Phrase("for_each is empty")
    return NOTHING_HOLDS if taken.skipped else None


def _size(notifications: Sequence[Notification]) -> int:
    """The size of the messages of one item: all receivers get the same."""
    return len(notifications) * len(notifications[0].message.wire_content().encode()) if notifications else 0


def _kind(value: Any) -> str:
    return kind_of(plain_value(value))
