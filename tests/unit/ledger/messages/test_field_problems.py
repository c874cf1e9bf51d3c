"""Nobody reads pydantic's own words, wherever a wrong value is given."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from ledger.announcement import Spec
from ledger.errors import BadInput
from ledger.messages.json_fields import refusal_of
from ledger.notification import Notification
from ledger.settings import Desk, Settings
from producers.hooks.schema import HookFields

#: Of each kind that JSON, TOML, Python or a variable may hold.
VALUES: list[Any] = [
    None,
    "",
    " ",
    "x",
    "\ud800",
    "1.5",
    "x" * 10_000,
    0,
    -1,
    10**30,
    1.5,
    float("nan"),
    True,
    [],
    [1],
    {},
]
VALUES += [{"a": 1}, b"x", object()]
PYDANTICS = ("Input", "should", "valid string", "pattern", "Value error", "instance of", "unable to", "pydantic", "{")


def refusals(model: type[BaseModel], given: dict[str, Any]) -> Iterator[tuple[str, BadInput]]:
    for field in model.model_fields:
        for value in VALUES:
            try:
                model.model_validate({**given, field: value})
            except ValidationError as error:
                yield field, refusal_of(error)
            except BadInput as refusal:
                yield field, refusal


MODELS: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (Notification, {"receiver_id": "ou_ada", "message": {"msg_type": "text", "content": {"text": "x"}}}),
    (Spec, {"name": "x", "message": {}}),
    (HookFields, {}),
    (Desk, {"name": "hr", "rate": "1/second", "feishu_url": "https://open.feishu.cn"}),
    (Settings, {}),
]


@pytest.mark.parametrize(("model", "given"), MODELS, ids=lambda value: getattr(value, "__name__", ""))
def test_every_field_refuses_every_wrong_value_in_our_words(model: type[BaseModel], given: dict[str, Any]) -> None:
    found = list(refusals(model, given))
    assert len({field for field, _ in found}) > len(model.model_fields) / 2
    for field, refusal in found:
        assert not any(word in refusal.problem for word in PYDANTICS), (field, refusal)


class _Colour(StrEnum):
    RED = "red"


class _Model(BaseModel):
    colour: _Colour


def test_a_single_choice_is_told_as_such() -> None:
    with pytest.raises(ValidationError) as caught:
        _Model.model_validate({"colour": "blue"})
    assert str(refusal_of(caught.value)) == "colour: must be 'red'"


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("DESKBELL_CONCURRENCY", "many", "must be a whole number"),
        ("DESKBELL_CONCURRENCY", "0", "must be 1 or more"),
        ("DESKBELL_PREFIX", "desk bell", "use letters of the English alphabet, digits, '_', '.' and '-', at least one"),
        ("DESKBELL_FEISHU_URL", "https://open.feishu.cn/open-apis", "use https://host or https://host:port"),
    ],
)
def test_a_wrong_variable_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, value)
    with pytest.raises(BadInput) as caught:
        Settings.from_env()
    assert caught.value.field == variable
    assert caught.value.problem.startswith(told)


def test_a_slash_behind_the_address_of_the_api_is_dropped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DESKBELL_FEISHU_URL", "https://open.feishu.cn/")
    assert Settings.from_env().feishu_url == "https://open.feishu.cn"
