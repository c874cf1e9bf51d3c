"""Keys that are made here: no caller can have one, and so none can stand in the place of a message to come."""

from pathlib import Path

import pytest

from ledger.errors import BadInput
from ledger.notification import Notification
from producers.client.event_draft import EventDraft
from tests.unit.producers.hooks.hook_cases import a_hook, incoming

ASKED = {"receiver_id": "ou_ada", "text": "x"}
BEGINNINGS = ["hook/script/backup-1/ou_ada", "hook/", "celery:3f1c"]


@pytest.mark.parametrize("key", BEGINNINGS)
def test_a_caller_is_told_how_a_key_must_not_begin(key: str) -> None:
    with pytest.raises(BadInput, match="key: must not begin with"):
        Notification.build({**ASKED, "key": key})


@pytest.mark.parametrize("key", BEGINNINGS)
def test_the_python_client_and_the_command_line_are_told_the_same(key: str) -> None:
    with pytest.raises(BadInput, match="key: must not begin with"):
        EventDraft.build_all([{**ASKED, "key": key}])


def test_an_event_cannot_have_the_key_of_an_announcement() -> None:
    with pytest.raises(BadInput, match="key: must not contain a NUL"):
        Notification.build({**ASKED, "key": "announcement\0office-move"})


@pytest.mark.parametrize("key", ["hook", "hooks/1", "Hook/1", "my/hook/1", "celery", "alert-8812", "a/hook/"])
def test_other_keys_are_the_caller_s(key: str) -> None:
    assert Notification.build({**ASKED, "key": key}).key == key


def test_a_hook_has_the_keys_that_it_always_had(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'to = "ou_ada"', 'text = "x"', 'key = "{{ payload.id }}"')
    [made] = hook.render(incoming({"id": "backup-1"})).notifications
    assert made.key == "hook/it/backup-1/ou_ada"


def test_a_key_of_ours_gives_way_to_the_caller_s() -> None:
    assert Notification.build(ASKED, key_of_ours="celery:1").key == "celery:1"
    assert Notification.build({**ASKED, "key": None}, key_of_ours="celery:1").key == "celery:1"
    assert Notification.build({**ASKED, "key": "mine"}, key_of_ours="celery:1").key == "mine"


def test_what_was_accepted_with_such_a_key_before_is_read_as_it_is() -> None:
    before = Notification.build(ASKED, key_of_ours="hook/script/backup-1/ou_ada").to_input()
    assert Notification.of_input(before).key == "hook/script/backup-1/ou_ada"
