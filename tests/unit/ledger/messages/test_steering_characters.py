"""Characters that steer a terminal, or make a line look like another: not in names and keys, nor shown to a person."""

from pathlib import Path

import pytest

from ledger.errors import BadInput
from ledger.messages.json_fields import steering_problem
from ledger.notification import Notification
from producers.announcements.announcement_draft import AnnouncementDraft
from producers.cli.export import _for_eyes
from tests.unit.producers.hooks.hook_cases import a_hook, incoming

__all__: list[str] = []

STEERING = ["\x1b[2J", "\r", "\n", "\t", "\x7f", "\x9b", "\u2028", "\u202e", "\u2066", "\u200f", "\u061c"]
ASKED = {"receiver_id": "ou_ada", "text": "x"}


@pytest.mark.parametrize("character", STEERING, ids=ascii)
def test_a_key_with_one_is_refused_and_the_character_is_named(character: str) -> None:
    with pytest.raises(BadInput, match=rf"key: contains the invisible character U\+{ord(character[0]):04X}: remove it"):
        Notification.build({**ASKED, "key": f"a{character}b"})


@pytest.mark.parametrize("field", ["name", "key"])
@pytest.mark.parametrize("character", STEERING, ids=ascii)
def test_an_announcement_has_neither_a_name_nor_a_key_with_one(character: str, field: str) -> None:
    with pytest.raises(BadInput, match=rf"^{field}: contains the invisible character"):
        AnnouncementDraft.build({"name": "Move", "text": "x", "desk": "default", field: f"a{character}b"})


@pytest.mark.parametrize("name", ["搬家通知", "Umzug – März", "👨\u200d👩\u200d👧 picnic", "شركة", "a/b:c 100 %"])
def test_names_in_any_language_are_taken(name: str) -> None:
    assert steering_problem(name) is None


def test_what_a_tool_posts_as_its_key_arrives_all_the_same(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'to = "ou_ada"', 'text = "x"', 'key = "{{ payload.id }}"')
    [first] = hook.render(incoming({"id": "a\x1bb"})).notifications
    [again] = hook.render(incoming({"id": "a\x1bb"})).notifications
    [other] = hook.render(incoming({"id": "a\x1bc"})).notifications
    assert first.key is not None
    assert first.key.startswith("hook/it/")
    assert steering_problem(first.key) is None
    assert (first.key == again.key, first.key == other.key) == (True, False)


@pytest.mark.parametrize("character", [each for each in STEERING if each not in ("\n", "\t", "\u2028")], ids=ascii)
def test_an_export_to_a_terminal_shows_a_mark_in_its_place(character: str) -> None:
    assert _for_eyes(f"a,{character},搬家\r\n".encode()).decode() == f"a,�{character[1:]},搬家\r\n"
