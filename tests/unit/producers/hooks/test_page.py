"""`docs/integrations.md` shows hooks that load, messages that they make, and every field and name that there is."""

import base64
import json
import re
import textwrap
from pathlib import Path

import pytest

from ledger.api_key import Scope
from producers.hooks.hook_file import ready_made
from producers.hooks.schema import HookFields
from producers.hooks.signature import Signature
from producers.hooks.template_context import NAMES
from tests.unit.producers.hooks.hook_cases import PAYLOADS, hooks_of, incoming, payload, text_of

__all__: list[str] = []

PAGE = (Path(__file__).resolve().parents[4] / "docs/integrations.md").read_text("utf-8")
DOOR = "msg_type: text\ncontent: {text: '{{ payload.door }} was opened at night'}\n"


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", PAGE, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for _, block in found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "door.yaml").write_text(DOOR, "utf-8")
    for name in ("shop.secret", "linear.secret"):
        (tmp_path / name).write_text("whsec_" + base64.b64encode(b"s" * 32).decode(), "utf-8")
    return tmp_path


@pytest.mark.parametrize("toml", blocks("toml"), ids=lambda toml: str(toml).split("\n")[0])
def test_every_hook_of_the_page_loads(folder: Path, toml: str) -> None:
    variables = dict.fromkeys(re.findall(r'secret_env = "(\w+)"', toml), "hush-hush")
    assert hooks_of(folder, toml, **variables)


def test_every_message_of_the_page_is_one_that_a_hook_makes() -> None:
    made = {path.read_text("utf-8") for path in PAYLOADS.glob("*.txt")}
    assert len(blocks("text")) >= 5
    assert set(blocks("text")) <= made


def test_one_message_for_each_alert_goes_to_whom_the_label_names(folder: Path) -> None:
    [toml] = [each for each in blocks("toml") if "for_each" in each]
    firing = payload("alertmanager_firing")
    firing["alerts"][1]["labels"]["owner"] = "ou_bob"
    made = hooks_of(folder, toml)["oncall"].render(incoming(firing)).notifications
    assert [(each.receiver_id, each.message.content["text"]) for each in made] == [
        ("ou_ada", "firing: db-3:9100 has less than 5 % left"),
        ("ou_bob", "firing: db-7:9100 has less than 5 % left"),
    ]


def test_the_doors_of_the_page_do_what_it_says(folder: Path) -> None:
    [toml] = [each for each in blocks("toml") if "door.yaml" in each]
    hook = hooks_of(folder, toml)["doors"]
    door = {
        "door": "North",
        "opened_at": "2026-11-22T23:00:00Z",
        "hours": "night",
        "seconds_open": 5,
        "guard": "ou_eve",
    }
    made = hook.render(incoming(door)).notifications
    assert [(each.receiver_id, each.message.content["text"]) for each in made] == [
        ("ou_ada", "North was opened at night"),
        ("ou_eve", "North was opened at night"),
    ]
    assert text_of(hook, incoming({**door, "hours": "day", "seconds_open": 90})) == "North has been open for 90 s"
    assert not hook.render(incoming({**door, "hours": "day"})).notifications


def test_the_lift_of_the_page_is_told_as_it_says(folder: Path) -> None:
    [toml] = [each for each in blocks("toml") if "[hook.lifts]" in each]
    [given] = re.findall(r"--json '(\{\"floor.*?\})'", PAGE)
    headers = dict(re.findall(r'-H "(ce-\w+): (.*?)"', PAGE))
    posted = incoming(json.loads(given), content_type="application/json", **headers)
    assert text_of(hooks_of(folder, toml)["lifts"], posted) == "Lift /lifts/2 is stuck at floor 3.5"


def test_every_field_name_and_signature_is_on_the_page() -> None:
    fields = table("| field | |")
    assert fields == set(HookFields.model_fields) - {"summary"}
    assert table("| name | |") == NAMES
    assert all(f"`{signature}`" in PAGE for signature in Signature)
    assert all(f'use = "{use}"' in PAGE for use in ready_made())
    assert f"--scope {Scope.SEND}" in PAGE


def table(head: str) -> set[str]:
    rows = PAGE.partition(head)[2].partition("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
