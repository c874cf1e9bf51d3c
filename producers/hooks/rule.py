"""One rule of a hook, compiled: condition, receivers and message."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput
from ledger.messages.content import Message
from ledger.messages.images import LocalImage
from ledger.messages.jinja_budget import BUDGET
from ledger.messages.jinja_text import Expression, has_markup
from ledger.messages.json_fields import kind_of, steering_problem
from ledger.messages.message_file import MessageTemplate, read_message_template
from ledger.messages.template import Template
from ledger.notification import MOST_KEY_CHARACTERS, Notification
from ledger.settings import Settings
from producers.hooks.schema import RuleFields
from producers.hooks.template_context import LENGTH, TemplateContext, check_names, expression, leaf

__all__ = ["Rule"]

#: Of one message. More people are an announcement's.
MOST_RECEIVERS = 100
#: Characters that a text of the payload is cut to, until the message is small enough.
_LENGTHS = (LENGTH, 4000, 1000, 250, 60)


class Rule:
    """The rule for one payload or item. Thread-safe."""

    def __init__(self, hook: str, fields: RuleFields, where: str, settings: Settings, folder: Path) -> None:
        """Raises BadInput naming the hook and the field."""
        self._hook = hook
        self._where = where
        self._when = None if fields.when is None else expression(fields.when, f"{where}.when")
        self._to = tuple(_receivers(fields.to, f"{where}.to"))
        self._message = _Message(fields, where, folder)
        self._key = None if fields.key is None else leaf(fields.key, f"{where}.key")
        self._options = _options(fields)
        self._desk = fields.desk or DEFAULT_DESK
        self._check_options(settings)

    def holds(self, context: TemplateContext) -> bool:
        return self._when is None or self._when.holds(context.values())

    def notifications(self, context: TemplateContext, fallback_key: str | None) -> list[Notification]:
        """One per receiver; none if `to` is empty. Raises BadInput."""
        receivers = list(dict.fromkeys(id for each in self._to for id in self._ids(each, context)))
        if len(receivers) > MOST_RECEIVERS:
            problem = f"has {len(receivers)} receivers: at most {MOST_RECEIVERS} are allowed"
            raise BadInput(f"{self._where}.to", problem)
        if not receivers:
            return []
        message = self._message.render(context)
        key = self._key.text(context.values()).strip() if self._key else None
        return [self._notification(id, message, self._full_key(key or fallback_key, id)) for id in receivers]

    @property
    def image(self) -> LocalImage | None:
        """Its bytes must be in the ledger before the notifications are."""
        return self._message.source.template.image

    def _notification(self, receiver_id: str, message: Message, key: str | None) -> Notification:
        try:
            given = {**self._options, "receiver_id": receiver_id, "message": message}
            return Notification.build(given, key_of_ours=key)
        except BadInput as error:
            field = "to" if error.field == "receiver_id" else error.field
            refusal = BadInput(f"{self._where}.{field}", error.problem)
        raise refusal

    def _ids(self, to: "str | Expression", context: TemplateContext) -> Iterator[str]:
        if isinstance(to, str):
            yield to
            return
        found = to.value(context.values())
        for id in found if isinstance(found, list | tuple) else [found]:
            if not isinstance(id, str):
                raise BadInput(to.where, f"must be an id or a list of ids, not {kind_of(id)}")
            if id.strip():
                yield id.strip()

    def _full_key(self, key: str | None, receiver_id: str) -> str | None:
        """Keys differ between hooks and receivers. The rule does not matter."""
        if not key:
            return None
        full = f"hook/{self._hook}/{key}/{receiver_id}"
        hashed = hashlib.sha256(key.encode()).hexdigest()
        is_plain = len(full) <= MOST_KEY_CHARACTERS and steering_problem(full) is None
        return full if is_plain else f"hook/{self._hook}/{hashed}/{receiver_id}"

    def _check_options(self, settings: Settings) -> None:
        """Builds a notification to each id that is known already: what it refuses is wrong with the file."""
        settings.desk(self._desk)
        for id in [to for to in self._to if isinstance(to, str)] or ["nobody"]:
            self._notification(id, Message.text("…"), None)


class _Message:
    """The message of a case, from its `text`, its `message` table, or the message file that it names."""

    def __init__(self, fields: RuleFields, where: str, folder: Path) -> None:
        self.source = _source(fields, where, folder)
        self._template = Template.of(self.source.template.raw, where=self.source.where)
        check_names(self._template.variables, self.source.where)

    def render(self, context: TemplateContext) -> Message:
        """Cuts the texts of the payload until the message is no longer too large. Raises BadInput."""
        BUDGET.renew()  # a template renews it for what costs anything when all values are texts: here they are not
        for length in _LENGTHS[:-1]:
            try:
                return self._template.render(context.values(length))
            except BadInput:
                continue  # too large, or wrong in a way that the last try tells as well
        return self._template.render(context.values(_LENGTHS[-1]))


class _Source(NamedTuple):
    where: str
    template: MessageTemplate


def _source(fields: RuleFields, where: str, folder: Path) -> _Source:
    match fields.text, fields.message:
        case str() as text, None:
            return _Source(f"{where}.text", MessageTemplate({"msg_type": "text", "content": {"text": text}}))
        case None, dict() as message:
            return _Source(f"{where}.message", MessageTemplate(message))
        case None, str() as file:
            return _Source(f"{where}.message", read_message_template(folder / file, where=f"{where}.message"))
        case None, None:
            raise BadInput(f"{where}.text", "is missing: give either text or message")
    raise BadInput(f"{where}.message", "cannot be combined with text: give one of them")


def _options(fields: RuleFields) -> dict[str, object]:
    names = ("desk", "receive_type", "user_id_type", "expires", "on_unknown", "on_open_ticket")
    return {name: value for name in names if (value := getattr(fields, name)) is not None}


def _receivers(to: str | list[str] | None, where: str) -> Iterator["str | Expression"]:
    if not to:
        raise BadInput(where, "is missing: name the receivers")
    for index, each in enumerate([to] if isinstance(to, str) else to):
        each_where = where if isinstance(to, str) else f"{where}[{index}]"
        yield _braced(each, each_where) if has_markup(each) else each


def _braced(text: str, where: str) -> Expression:
    inner = text.strip()
    if not (inner.startswith("{{") and inner.endswith("}}")):
        raise BadInput(where, "must be an id, or one expression in braces: {{ … }}")
    return expression(inner[2:-2], where)
