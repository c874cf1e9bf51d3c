"""A hook: turns a request of another system into notifications, without sending them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import BadInput
from ledger.messages.images import LocalImage
from ledger.messages.jinja_budget import BUDGET
from ledger.messages.json_fields import kind_of
from ledger.notification import Notification
from ledger.settings import Settings
from producers.hooks.cloudevents import cloud_event
from producers.hooks.hook_request import HookRequest
from producers.hooks.payload import JsonObject
from producers.hooks.rule import Rule
from producers.hooks.schema import HookFields, RuleFields
from producers.hooks.signature import SignatureCheck
from producers.hooks.template_context import TemplateContext, expression

__all__ = ["MOST_ITEMS", "NOTHING_HOLDS", "Hook", "Rendered"]

#: Of `for_each`. What is behind them is skipped, and the answer says so.
MOST_ITEMS = 100
#: What the templates may cost for one request, in the units of a message's budget (µs at most).
_WORK = 2_000_000
#: Why an item is skipped.
NOTHING_HOLDS = "no condition is true, or there is no receiver"
#: Notifications of one request: what the ledger takes at once.
_MOST_NOTIFICATIONS = 1000
#: Of the messages of one request, all receivers counted. Ten times what is posted at most.
_MOST_MESSAGE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Rendered:
    """The notifications of a request, and the reason for skipped items."""

    notifications: tuple[Notification, ...]
    skipped: int = 0
    reason: str | None = None


class Hook:
    """One entry of the hooks file, compiled. Thread-safe."""

    def __init__(
        self,
        name: str,
        fields: HookFields,
        cases: Sequence[RuleFields],
        signature_check: SignatureCheck | None,
        settings: Settings,
        folder: Path,
    ) -> None:
        """Raises BadInput naming the hook and the field."""
        where = f"hook.{name}"
        self.name = name
        self.use = fields.use
        self.signature_check = signature_check
        self._reads_cloud_events = fields.format == "cloudevents"
        self._when = expression(fields.when, f"{where}.when") if fields.when else None
        self._for_each = expression(fields.for_each, f"{where}.for_each") if fields.for_each else None
        self._rules = [
            Rule(name, each, f"{where}.case[{at}]" if fields.case else where, settings, folder)
            for at, each in enumerate(cases)
        ]

    def render(self, request: HookRequest) -> Rendered:
        """The notifications to accept; none where no condition holds.

        Raises:
            BadInput: the body is not what it should be, or a template fails with it. Nothing of it is repeated.
        """
        payload = cloud_event(request) if self._reads_cloud_events else request.json()
        context = TemplateContext(self.name, request.digest, payload, request.shown_headers)
        began = BUDGET.spent
        items, taken = self._items(context)
        found: list[Notification] = []
        skipped, message_bytes = items - len(taken), 0
        for at, each in enumerate(taken):
            notifications = self._of_item(each, self._fallback_key(request, at))
            found += notifications
            skipped += not notifications
            message_bytes += _size(notifications)
            self._check_bounds(BUDGET.spent - began, len(found), message_bytes)
        return Rendered(tuple(found), skipped, _reason(items, skipped))

    @property
    def images(self) -> list[LocalImage]:
        """Whose bytes must be in the ledger before a notification of this hook is."""
        return [rule.image for rule in self._rules if rule.image]

    def _check_bounds(self, work: int, notifications: int, message_bytes: int) -> None:
        """After each item: nothing is made that is not taken."""
        problem = None
        if work > _WORK:
            problem = "needs too much work for one request: use fewer filters or shorter loops"
        elif notifications > _MOST_NOTIFICATIONS:
            problem = f"results in more than {_MOST_NOTIFICATIONS:,} notifications: post fewer items at once"
        elif message_bytes > _MOST_MESSAGE_BYTES:
            problem = (
                f"results in more than {_MOST_MESSAGE_BYTES:,} bytes of messages: use shorter texts or fewer receivers"
            )
        if problem:
            raise BadInput(f"hook.{self.name}", problem)

    def _items(self, context: TemplateContext) -> tuple[int, list[TemplateContext]]:
        """The number of items, and those that are used."""
        if self._for_each is None:
            return 1, [context]
        found = self._for_each.value(context.values())
        if not isinstance(found, list):
            raise BadInput(self._for_each.where, f"must be a list, not {_kind(found)}")
        for item in found[:MOST_ITEMS]:
            if not isinstance(item, JsonObject | str):
                raise BadInput(self._for_each.where, f"must be a list of objects or texts, not of {_kind(item)}")
        return len(found), [context.about(item) for item in found[:MOST_ITEMS]]

    def _of_item(self, context: TemplateContext, fallback_key: str | None) -> list[Notification]:
        """The notifications of the first rule that applies."""
        if self._when is not None and not self._when.holds(context.values()):
            return []
        rule = next((each for each in self._rules if each.holds(context)), None)
        return [] if rule is None else rule.notifications(context, fallback_key)

    def _fallback_key(self, request: HookRequest, at: int) -> str | None:
        """A hook without `key` takes the id of the message where that is signed, so that a replay is no second one."""
        if self.signature_check is None or not self.signature_check.stops_replays:
            return None
        return f"{request.headers.get('webhook-id', '')}/{at}"


def _reason(items: int, skipped: int) -> str | None:
    if items == 0:
        return "for_each is empty"
    if items > MOST_ITEMS:
        return f"for_each has {items:,} items: only the first {MOST_ITEMS} were used"
    return NOTHING_HOLDS if skipped else None


def _size(notifications: Sequence[Notification]) -> int:
    """The size of the messages of one item: all receivers get the same."""
    return len(notifications) * len(notifications[0].message.wire_content().encode()) if notifications else 0


def _kind(value: object) -> str:
    return "an object" if isinstance(value, JsonObject) else kind_of(value)
