"""The card of an `interactive` message: card JSON 1.0, a template card, or a card entity.

Only the frame and what Feishu's documents limit are checked. The elements themselves are Feishu's to judge: there are
dozens, and new ones come.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, JsonValue

from ledger.errors import BadInput
from ledger.messages.json_fields import Filled, Shape, dotted, link_problem, validated
from ledger.phrases import Phrase

__all__ = ["CARD_MEMBERS", "Colour", "check_card", "without_nulls"]

#: Feishu's FAQ on cards: at most five tables in one language, and five layers of components in each other.
_TABLES = 5
_LAYERS = 5
#: The components that hold components. The page counts layers without saying from where: counting only these refuses
#: nothing that some reading of it would allow.
_CONTAINERS = frozenset({"column_set", "form", "interactive_container", "collapsible_panel"})
_LINKS = frozenset({"url", "pc_url", "ios_url", "android_url", "default_url"})
#: What these hold is the card author's own data: a key named `url` or `tag` in it means nothing to Feishu.
_OPAQUE = frozenset({"value", "chart_spec", "rows"})
#: Documented as the way to switch a link off on one kind of device.
_NO_LINK_HERE = "lark://msgcard/unsupported_action"
_JSON_2 = Phrase(
    "card JSON 2.0 is not supported by the helpdesk API: put the elements at the top level, without body and schema, "
    "or export the card from the card builder as version 1.0"
)

Colour = Literal[
    "blue",
    "wathet",
    "turquoise",
    "green",
    "yellow",
    "orange",
    "red",
    "carmine",
    "violet",
    "purple",
    "indigo",
    "grey",
    "default",
]
Elements = list[dict[str, JsonValue]]


class _Header(Shape, extra="allow"):
    template: Colour = "default"


class _Card(Shape):
    """Every field may be missing: Feishu documents `{}` as a blank card."""

    version: Literal["1.0"] = Field("1.0", alias="schema")
    config: dict[str, JsonValue] = Field(default_factory=dict)
    card_link: dict[str, JsonValue] = Field(default_factory=dict)
    header: _Header = _Header()
    i18n_header: dict[str, _Header] = Field(default_factory=dict)
    elements: Elements = Field(default_factory=list)
    i18n_elements: dict[str, Elements] = Field(default_factory=dict)
    fallback: dict[str, JsonValue] = Field(default_factory=dict)


#: Of the frame of a card of version 1.0.
CARD_MEMBERS = frozenset(field.alias or name for name, field in _Card.model_fields.items())


class _TemplateData(Shape):
    template_id: Filled
    template_version_name: Filled = ""
    template_variable: dict[str, JsonValue] = Field(default_factory=dict)


class _TemplateCard(Shape):
    type: Literal["template"]
    data: _TemplateData


class _EntityData(Shape):
    card_id: Filled


class _CardEntity(Shape):
    """Whether the helpdesk API takes a card entity is unknown; im/v1 does."""

    type: Literal["card"]
    data: _EntityData


def without_nulls(content: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Without the members of the frame that are null: so many programs write what they leave out."""
    return {name: value for name, value in content.items() if value is not None}


def check_card(content: dict[str, JsonValue], where: str) -> None:
    """Raises BadInput when this is no card that the helpdesk API can take."""
    if "type" in content or "data" in content:
        validated(_reference_shape(content.get("type"), where), content, where)
        return
    if content.get("schema") == "2.0" or "body" in content:
        raise BadInput(dotted(where, ("schema" if "schema" in content else "body",)), _JSON_2)
    card = validated(_Card, content, where)
    _check_links(content, where)
    _check_components(card.elements, dotted(where, ("elements",)))
    for locale, elements in card.i18n_elements.items():
        _check_components(elements, dotted(where, ("i18n_elements", locale)))


def _reference_shape(kind: Any, where: str) -> type[_TemplateCard] | type[_CardEntity]:
    match kind:
        case "template" | None:
            return _TemplateCard
        case "card":
            return _CardEntity
    raise BadInput(dotted(where, ("type",)), Phrase("must be 'template' or 'card'; a full card has no type"))


def _check_links(value: JsonValue, where: str) -> None:
    match value:
        case dict():
            for key, inner in value.items():
                if key not in _OPAQUE:
                    _check_link(key, inner, dotted(where, (key,)))
                    _check_links(inner, dotted(where, (key,)))
        case list():
            for index, inner in enumerate(value):
                _check_links(inner, f"{where}[{index}]")


def _check_link(key: str, value: JsonValue, where: str) -> None:
    # Empty is how Feishu's own examples leave a link out.
    if key not in _LINKS or not isinstance(value, str) or value in ("", _NO_LINK_HERE):
        return
    problem = link_problem(value)
    if problem:
        raise BadInput(where, problem)


def _check_components(elements: JsonValue | Elements, where: str) -> None:
    seen: Counter[str] = Counter()
    for tag, at, layers in _components(elements, where, 0):
        seen[tag] += 1
        if layers > _LAYERS:
            problem = Phrase(
                "is nested in {n} containers: at most {most} levels are allowed", n=layers - 1, most=_LAYERS
            )
            raise BadInput(at, problem)
    if seen["table"] > _TABLES:
        raise BadInput(where, Phrase("contains {n} tables: at most {most} are allowed", n=seen["table"], most=_TABLES))


def _components(value: Any, where: str, layers: int) -> Iterator[tuple[str, str, int]]:
    """Yields the tag and the path of every component, and in how many containers, itself counted, it stands."""
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _components(inner, f"{where}[{index}]", layers)
    elif isinstance(value, dict):
        tag = value.get("tag")
        if isinstance(tag, str):
            layers += tag in _CONTAINERS
            yield tag, where, layers
        for key, inner in value.items():
            if key not in _OPAQUE:
                yield from _components(inner, dotted(where, (key,)), layers)
