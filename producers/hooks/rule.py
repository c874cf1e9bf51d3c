"""One rule of a hook, compiled: condition, receivers and message."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ledger.addresses import ADDRESS_FIELDS, address_fields, distinct_addresses
from ledger.alert import Alert
from ledger.delivery_options import DEFAULT_DESK, UserIdType
from ledger.errors import BadInput
from ledger.messages.content import Message
from ledger.messages.images import LocalImage
from ledger.messages.jinja_text import Expression, Leaf, has_markup
from ledger.messages.json_fields import kind_of, steering_problem
from ledger.notification import MOST_KEY_CHARACTERS, Notification
from ledger.phrases import Phrase
from ledger.receiver_ids import SAMPLE_IDS
from producers.hooks.alert_rule import AlertRule
from producers.hooks.dialect import hashed
from producers.hooks.given_message import FORMS, GivenMessage
from producers.hooks.hook_message import HookMessage
from producers.hooks.hook_template import TemplateName
from producers.hooks.joining_rule import JoiningRule, Joins
from producers.hooks.payload import UNCUT, JsonList, plain_value
from producers.hooks.recipe import Recipe
from producers.hooks.schema import RuleFields
from producers.hooks.template_context import TemplateContext, expression, leaf, template

__all__ = ["Made", "Rule"]

#: Of one message. More people are an announcement's.
MOST_RECEIVERS = 100


_PLAIN = RuleFields(text="{{ plain }}")


@dataclass(slots=True)
class Made:
    """What a rule makes of a payload or item: notifications, and what was wrong with parts of it."""

    notifications: list[Notification] = field(default_factory=list)
    problems: list[BadInput] = field(default_factory=list)
    lost: int = 0  #: of the problems, those that keep a message from somebody

    def lose(self, problem: BadInput) -> None:
        self.problems.append(problem)
        self.lost += 1


class Rule:
    """The rule for one payload or item. Thread-safe."""

    def __init__(self, recipe: Recipe, fields: RuleFields, where: str, check_desk: Callable[[str], object]) -> None:
        """`check_desk` raises BadInput for an unknown desk. Raises BadInput naming the hook and the field."""
        self._hook = recipe.name
        self._where = where
        self._origin = recipe.origin
        self._when = None if fields.when is None else expression(fields.when, f"{where}.when")
        self._to = tuple(_receivers(fields.to, f"{where}.to"))
        self._message = _message(recipe, fields, where)
        is_replaced = recipe.origin.is_ready_made and isinstance(self._message, HookMessage)
        self._plain = HookMessage(_PLAIN, where, recipe.folder) if is_replaced else None
        self._key = None if fields.key is None else leaf(fields.key, f"{where}.key")
        self._joining = JoiningRule(recipe.name, fields, where)
        self._alert = AlertRule(recipe.name, fields, where)
        self._options = _options(fields)
        self._options_of_contacts = {name: value for name, value in self._options.items() if name != "user_id_type"}
        self._id_type = fields.user_id_type or UserIdType.OPEN_ID
        check_desk(fields.desk or DEFAULT_DESK)
        self._check_options()

    def holds(self, context: TemplateContext) -> bool:
        return self._when is None or self._when.holds(context.values())

    def made(self, context: TemplateContext, fallback_key: str | None) -> Made:
        """One notification per receiver; none if `to` is empty. Raises BadInput for what leaves nothing to send."""
        made = Made()
        receivers = self._addresses(context, made)
        if len(receivers) > MOST_RECEIVERS:
            problem = Phrase(
                "has {count} receivers: at most {most} are allowed", count=len(receivers), most=MOST_RECEIVERS
            )
            raise BadInput(f"{self._where}.to", problem)
        if receivers:
            message = self._rendered(context, made.problems)
            key = self._key_of(context, made.problems) or fallback_key
            joins = self._joining.joins(context, made.problems)
            alert = self._alert.alert(context, made.problems)
            for address, fields in receivers.items():
                try:
                    full_key = self._full_key(key, address)
                    made.notifications.append(self._notification(fields, message, full_key, joins, alert))
                except BadInput as error:
                    made.lose(error)
        return made

    @property
    def image(self) -> LocalImage | None:
        """Its bytes must be in the ledger before the notifications are."""
        return self._message.image

    @property
    def template_name(self) -> TemplateName | None:
        """Of the saved template that it needs."""
        return self._message.template_name

    def _rendered(self, context: TemplateContext, problems: list[BadInput]) -> Message:
        try:
            return self._message.render(context, problems)
        except BadInput as error:
            if self._plain is None:
                raise
            problems.append(
                BadInput(error.field, Phrase("{problem}; a plain text was sent instead", problem=error.problem))
            )
            return self._plain.render(context, problems)

    def _key_of(self, context: TemplateContext, problems: list[BadInput]) -> str | None:
        """A key that cannot be worked out keeps no message back: the body stands for it."""
        if self._key is None:
            return None
        try:
            key = self._key.text(context.values(UNCUT)).strip()
        except BadInput as error:
            problems.append(error)
            key = context.digest
            return f"{key} {hashed(context.item)}" if context.item is not None else key
        is_shared = self._origin.key_is_of_payload and context.item is not None
        return f"{key} {hashed(context.item)}" if key and is_shared else key

    def _notification(
        self, fields: dict[str, str], message: Message, key: str | None, joins: Joins, alert: Alert | None = None
    ) -> Notification:
        try:
            options = self._options if "receiver_id" in fields else self._options_of_contacts
            given = {**options, **joins.spans, **fields, "message": message}
            built = Notification.build(given, key_of_ours=key, joining=joins.joining)
            return built.model_copy(update={"alert": alert})
        except BadInput as error:
            field = "to" if error.field in ADDRESS_FIELDS else error.field
            refusal = BadInput(f"{self._where}.{field}", error.problem)
        raise refusal

    def _addresses(self, context: TemplateContext, made: Made) -> dict[str, dict[str, str]]:
        """Each once, by a text that is the same for all ways to write it.

        A part of `to` that names nobody is a problem, and takes nothing from the others.
        """
        found: list[dict[str, str]] = []
        for to in self._to:
            try:
                found += [address_fields(each) for each in self._addresses_of(to, context)]
            except BadInput as error:
                made.lose(error)
        return distinct_addresses(found)

    def _addresses_of(self, to: "str | Expression | Leaf", context: TemplateContext) -> Iterator[str]:
        if isinstance(to, str):
            yield to
            return
        if isinstance(to, Leaf):
            if address := to.text(context.values()).strip():
                yield address
            return
        found = to.value(context.values())
        for each in found if isinstance(found, list | tuple | JsonList) else [found]:
            if not isinstance(each, str):
                raise BadInput(to.where, Phrase("must be an address or a list of them, not {kind}", kind=_kind(each)))
            if each.strip():
                yield each.strip()

    def _full_key(self, key: str | None, address: str) -> str | None:
        """Keys differ between hooks and receivers. The rule does not matter."""
        if not key:
            return None
        full = f"hook/{self._hook}/{key}/{address}"
        sha256 = hashlib.sha256(key.encode()).hexdigest()
        is_plain = len(full) <= MOST_KEY_CHARACTERS and steering_problem(full) is None
        return full if is_plain else f"hook/{self._hook}/{sha256}/{address}"

    def _check_options(self) -> None:
        """Builds a notification to each id that is known already: what it refuses is wrong with the file."""
        for id in [to for to in self._to if isinstance(to, str)] or [SAMPLE_IDS[self._id_type]]:
            self._notification(address_fields(id), Message.text("…"), None, Joins(self._joining.spans, None))


def _message(recipe: Recipe, fields: RuleFields, where: str) -> HookMessage | GivenMessage:
    form = recipe.fields.format
    if (
        form is not None
        and form in FORMS
        and fields.text is None
        and fields.message is None
        and fields.template is None
        and recipe.fields.for_each is None
    ):
        return GivenMessage(form, where)
    return HookMessage(fields, where, recipe.folder)


def _options(fields: RuleFields) -> dict[str, object]:
    names = ("desk", "receive_type", "user_id_type", "expires", "on_unknown", "on_open_ticket")
    return {name: value for name in names if (value := getattr(fields, name)) is not None}


def _receivers(to: str | list[str] | None, where: str) -> Iterator["str | Expression | Leaf"]:
    if not to:
        raise BadInput(where, Phrase("is missing: name the receivers"))
    for index, each in enumerate([to] if isinstance(to, str) else to):
        each_where = where if isinstance(to, str) else f"{where}[{index}]"
        yield template(each, each_where) if has_markup(each) else each


def _kind(value: Any) -> str:
    return kind_of(plain_value(value))
