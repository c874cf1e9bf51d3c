"""The message of an event that gives the name of a template and the values of its variables."""

from collections.abc import Callable, Mapping
from typing import Any

from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput
from ledger.messages.column_names import listed, quoted
from ledger.messages.content import FilledMessage, Message
from ledger.messages.json_fields import kind_of
from ledger.messages.template import LacksVariable
from ledger.phrases import Phrase
from ledger.saved_template import Reference, SavedTemplate

__all__ = ["FindTemplate", "filled_event", "filled_message"]

#: Of a desk, by `move` or `move@3`. Raises BadInput.
FindTemplate = Callable[[str, object], SavedTemplate]
#: A variable that every message may use, even if the caller does not give it.
_RECEIVER_ID = "receiver_id"
_ANY = Message.text("…")


def filled_event(fields: Mapping[str, Any], find: FindTemplate | None) -> dict[str, Any]:
    """The fields of an event with its message in place of `template` and `variables`. Raises BadInput.

    `find` is None where templates are unknown: then a placeholder stands for the message, so the rest can be checked.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    if "template" not in given:
        if "variables" in given:
            raise BadInput("variables", Phrase("can only be given with template"))
        return given
    if others := [name for name in ("text", "markdown", "message", "image") if name in given]:
        raise BadInput(others[0], Phrase("cannot be combined with {other}: give one of them", other="template"))
    written, values = given.pop("template"), _values_of(given.pop("variables", {}))
    desk = given.get("desk", DEFAULT_DESK)
    if not isinstance(desk, str):
        raise BadInput("desk", Phrase("must be a string, not {kind}", kind=kind_of(desk)))
    Reference.of(written)
    given["message"] = _message(find(desk, written), written, values, given.get(_RECEIVER_ID)) if find else _ANY
    return given


def filled_message(saved: SavedTemplate, written: str, variables: object) -> FilledMessage:
    """`written` is the name as the caller wrote it. Raises BadInput for a variable that is missing or unknown."""
    return _message(saved, written, _values_of(variables), None)


def _message(saved: SavedTemplate, written: str, values: dict[str, str], receiver_id: object) -> FilledMessage:
    for name in values:
        if name not in saved.variables:
            raise BadInput("variables", _surplus(saved, name))
    whole = ({_RECEIVER_ID: receiver_id} if isinstance(receiver_id, str) else {}) | values
    try:
        # An empty value counts as missing, as in a file.
        message = saved.template.render({name: value for name, value in whole.items() if value.strip()})
    except LacksVariable as error:
        refusal = BadInput("variables", _missing(saved, error.name))
    else:
        return FilledMessage.of(message, written, values)
    # Raised outside the except clause: the error of the template names its field, which the caller does not have.
    raise refusal


def _values_of(variables: object) -> dict[str, str]:
    if not isinstance(variables, Mapping):
        raise BadInput("variables", Phrase("must be an object of names and texts, not {kind}", kind=kind_of(variables)))
    values = {}
    for name, value in variables.items():
        if not isinstance(name, str) or isinstance(value, bool) or not isinstance(value, str | int | None):
            raise BadInput(
                "variables", Phrase("{name} must be a text, not {kind}", name=quoted(str(name)), kind=kind_of(value))
            )
        if value is not None:
            values[name] = str(value)
    return values


def _surplus(saved: SavedTemplate, name: str) -> Phrase:
    about = {"template": str(saved), "name": quoted(name)}
    if not saved.variables:
        return Phrase("{template} does not use {name}: it has no variables", **about)
    return Phrase("{template} does not use {name}: it uses {names}", **about, names=listed(saved.variables))


def _missing(saved: SavedTemplate, name: str) -> Phrase:
    if name == _RECEIVER_ID:
        return Phrase("{template} needs receiver_id: name the receiver by it", template=str(saved))
    names = listed(saved.variables)
    return Phrase("{template} needs {name}: it uses {names}", template=str(saved), name=quoted(name), names=names)
