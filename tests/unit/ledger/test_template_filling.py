"""The message that an event asks for by a template: its variables, and what is wrong with them."""

from typing import Any

import pytest

from ledger.errors import BadInput
from ledger.messages.markdown_card import card_of_markdown
from ledger.notification import Notification
from ledger.saved_template import SavedTemplate
from ledger.template_filling import filled_event, filled_message

__all__: list[str] = []


def saved(written: str, *variables: str) -> SavedTemplate:
    message = {"msg_type": "text", "content": {"text": written}}
    return SavedTemplate("default", "disk", 2, variables, 1, "ada", message, None)


DISK = saved('{{ host }}: {{ free|default("?") }} free', "free", "host")


def built(**fields: Any) -> Notification:
    return Notification.build(filled_event({"receiver_id": "ou_ada", **fields}, lambda *_: DISK))


def test_the_variables_are_filled_in() -> None:
    assert built(template="disk", variables={"host": "db-3", "free": 2}).message.content == {"text": "db-3: 2 free"}


@pytest.mark.parametrize("empty", ["", " ", None])
def test_an_empty_value_is_none(empty: str | None) -> None:
    assert built(template="disk", variables={"host": "db-3", "free": empty}).message.content["text"] == "db-3: ? free"


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"template": "disk"}, "variables", 'disk@2 needs "host": it uses "free", "host"'),
        ({"template": "disk", "variables": {"host": ""}}, "variables", 'disk@2 needs "host": it uses "free", "host"'),
        (
            {"template": "disk", "variables": {"host": "h", "hots": "x"}},
            "variables",
            'disk@2 does not use "hots": it uses "free", "host"',
        ),
        ({"template": "disk", "variables": []}, "variables", "must be an object of names and texts, not a list"),
        ({"template": "disk", "variables": {"host": 1.5}}, "variables", '"host" must be a text, not a number'),
        ({"template": "disk", "variables": {"host": True}}, "variables", '"host" must be a text, not true or false'),
        ({"template": "disk", "text": "x"}, "text", "cannot be combined with template: give one of them"),
        ({"text": "x", "variables": {}}, "variables", "can only be given with template"),
        ({"template": "a b"}, "template", "must be the name of a template, or with a version: move, move@3"),
    ],
)
def test_what_is_wrong_is_told_with_what_is_right(fields: dict[str, Any], field: str, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        built(**fields)
    assert (caught.value.field, caught.value.problem) == (field, problem)


def test_one_without_variables_says_so() -> None:
    with pytest.raises(BadInput, match=r'disk@2 does not use "x": it has no variables'):
        filled_message(saved("full"), "disk", {"x": "1"})


def test_the_id_of_the_receiver_is_known_without_being_given() -> None:
    template = saved("{{ receiver_id }}", "receiver_id")
    given = {"receiver_id": "ou_ada", "template": "disk"}
    assert filled_event(given, lambda *_: template)["message"].content == {"text": "ou_ada"}
    with pytest.raises(BadInput, match="disk@2 needs receiver_id: name the receiver by it"):
        filled_event({"email": "ann@corp.example", "template": "disk"}, lambda *_: template)


def test_no_value_is_markup() -> None:
    card = SavedTemplate(
        "default", "move", 1, ("name",), 1, "ada", card_of_markdown("Dear **{{ name }}**", has_variables=True), None
    )
    message = filled_message(card, "move", {"name": "<b>*x*</b>"})
    [element] = message.content["elements"]  # type: ignore[misc]
    assert element["text"]["content"] == "Dear **&#60;b&#62;&#42;x&#42;&#60;&#47;b&#62;**"  # type: ignore[index,call-overload]
    mention = filled_message(DISK, "disk", {"host": '<at user_id="all"></at>'})
    assert "<at" not in str(mention.content["text"])


def test_the_message_remembers_what_was_asked_and_neither_repr_nor_record_has_it() -> None:
    notification = built(template="disk", variables={"host": "hush-hush"})
    plain = Notification.build({"receiver_id": "ou_ada", "message": dict(notification.message)})
    assert notification.content_hash != plain.content_hash
    assert notification.to_input() == plain.to_input()
    assert "hush" not in repr(notification.message)
    assert "hush" not in repr(DISK)


def test_where_templates_are_not_known_the_rest_is_checked() -> None:
    assert filled_event({"template": "disk"}, None)["message"].content == {"text": "…"}
    with pytest.raises(BadInput, match="cannot be combined"):
        filled_event({"template": "disk", "image": "x.png"}, None)
