"""Saved templates over fakeredis and a real Valkey: versions, bounds, what callers send, and two that save at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from ledger import saved_templates
from ledger.audit_log import recent_actions
from ledger.errors import BadInput
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.saved_templates import MOST_BYTES, NoSuchTemplate, SavedTemplates
from ledger.template_filling import filled_event

__all__: list[str] = []


def text(written: str) -> dict[str, Any]:
    return {"msg_type": "text", "content": {"text": written}}


@pytest.fixture
def templates(ledger_of_desks: Ledger) -> SavedTemplates:
    return SavedTemplates(ledger_of_desks)


def saved(templates: SavedTemplates, written: str, name: str = "disk", desk: str = "default") -> int:
    return templates.save(desk, name, text(written), None, "ada").version


def test_versions_are_numbered_from_one_and_the_latest_is_meant(templates: SavedTemplates) -> None:
    assert [saved(templates, "1: {{ host }}"), saved(templates, "2: {{ host }} {{ free }}")] == [1, 2]
    latest, first = templates.find("default", "disk"), templates.find("default", "disk@1")
    assert (str(latest), latest.variables, latest.message) == (
        "disk@2",
        ("free", "host"),
        text("2: {{ host }} {{ free }}"),
    )
    assert (str(first), first.variables, first.by, first.markdown) == ("disk@1", ("host",), "ada", None)
    assert templates.versions("default", "disk") == [1, 2]


def test_the_same_message_makes_no_new_version(templates: SavedTemplates) -> None:
    first = templates.save("default", "disk", text("{{ host }}"), None, "ada")
    again = templates.save("default", "disk", text("{{ host }}"), None, "bob")
    assert (first.version, first.is_new, again.version, again.is_new) == (1, True, 1, False)
    assert templates.find("default", "disk").by == "ada"


def test_two_that_save_at_once_do_not_get_the_same_version(templates: SavedTemplates) -> None:
    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(lambda number: saved(templates, f"{number} {{{{ host }}}}"), range(24)))
    assert sorted(versions) == list(range(1, 25))
    assert len({str(templates.find("default", f"disk@{version}").message) for version in versions}) == 24


def test_a_desk_sees_its_own_templates_alone(templates: SavedTemplates) -> None:
    saved(templates, "of default")
    saved(templates, "of hr", desk="hr")
    assert templates.find("hr", "disk").message == text("of hr")
    assert [each.desk for each in templates.list("hr")] == ["hr"]
    with pytest.raises(NoSuchTemplate, match="desk it has no templates"):
        templates.find("it", "disk")
    with pytest.raises(BadInput, match="there is no desk 'nope'"):
        templates.find("nope", "disk")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("disc", 'desk default has no template "disc"; did you mean "disk"?'),
        ("office-move", 'desk default has no template "office-move": it has "disk"'),
        ("disk@3", '"disk" has no version 3: it has 1 to 1'),
        ("disk@0", "must be the name of a template, or with a version: move, move@3"),
        ("disk@", "must be the name of a template, or with a version: move, move@3"),
        ("di sk", "must be the name of a template, or with a version: move, move@3"),
        (7, "must be the name of a template, or with a version: move, move@3"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(templates: SavedTemplates, written: object, problem: str) -> None:
    saved(templates, "{{ host }}")
    with pytest.raises(BadInput) as caught:
        templates.find("default", written)
    assert (caught.value.field, caught.value.problem) == ("template", problem)


def test_the_oldest_version_goes_when_there_are_too_many(
    templates: SavedTemplates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_templates, "MOST_VERSIONS", 3)
    assert [saved(templates, f"{number}") for number in range(5)][-1] == 5
    assert templates.versions("default", "disk") == [3, 4, 5]
    with pytest.raises(NoSuchTemplate, match="has no version 2: it has 3 to 5"):
        templates.find("default", "disk@2")


def test_a_desk_has_a_most_of_templates_and_a_known_one_still_gets_versions(
    templates: SavedTemplates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_templates, "MOST_NAMES", 2)
    saved(templates, "a", "a"), saved(templates, "b", "b")
    with pytest.raises(BadInput, match="desk default has 2 templates already: delete one first"):
        saved(templates, "c", "c")
    assert saved(templates, "aa", "a") == 2
    assert [str(each) for each in templates.list("default")] == ["a@2", "b@1"]
    templates.delete("default", "a", "ada")
    assert saved(templates, "c", "c") == 1


@pytest.mark.parametrize(
    ("name", "message", "field"),
    [
        ("di sk", text("x"), "name"),
        ("disk@3", text("x"), "name"),
        ("d" * 65, text("x"), "name"),
        ("disk", text("{{ host"), "message.content.text"),
        ("disk", {"msg_type": "fax", "content": {}}, "message.msg_type"),
        ("disk", text("x" * MOST_BYTES), "message"),
    ],
)
def test_what_cannot_be_a_template_is_refused(
    templates: SavedTemplates, name: str, message: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadInput) as caught:
        templates.save("default", name, message, None, "ada")
    assert caught.value.field == field
    assert templates.list("default") == []


def test_names_may_be_in_any_script(templates: SavedTemplates) -> None:
    assert saved(templates, "{{ 姓名 }}", "搬家通知") == 1
    assert templates.find("default", "搬家通知@1").variables == ("姓名",)


def test_a_deleted_one_is_gone_with_its_versions(templates: SavedTemplates, ledger_of_desks: Ledger) -> None:
    saved(templates, "1"), saved(templates, "2")
    templates.note_sent("default", "disk", frozenset({"host"}))
    templates.delete("default", "disk", "bob")
    with pytest.raises(NoSuchTemplate):
        templates.find("default", "disk@1")
    with pytest.raises(NoSuchTemplate):
        templates.delete("default", "disk", "bob")
    assert [key for key in ledger_of_desks.redis.scan_iter() if b"template" in key] == []
    assert [(act.by, act.did, act.id) for act in recent_actions(ledger_of_desks, 3)] == [
        ("bob", "delete template", "disk"),
        ("ada", "save template", "disk@2"),
        ("ada", "save template", "disk@1"),
    ]


# -- what callers send


def accepted(ledger: Ledger, templates: SavedTemplates, template: str, **variables: str) -> None:
    given = {"receiver_id": "ou_ada", "template": template, "variables": variables}
    notifications = [Notification.build(filled_event(given, templates.find))]
    ledger.accept(notifications)
    templates.note_accepted(notifications)


def test_a_variable_that_callers_send_and_that_is_dropped_is_told(
    templates: SavedTemplates, ledger_of_desks: Ledger
) -> None:
    saved(templates, "{{ host }}: {{ free }}")
    accepted(ledger_of_desks, templates, "disk", host="db-3", free="2%")
    saving = templates.save("default", "disk", text("{{ host }} is full"), None, "ada")
    assert list(saving.dropped) == ["free"]
    assert saving.as_json()["dropped"][0].keys() == {"name", "last_sent_at"}
    assert templates.save("default", "disk", text("{{ host }}: {{ free }} left"), None, "ada").dropped == {}


def test_who_names_a_version_is_not_told_of(templates: SavedTemplates, ledger_of_desks: Ledger) -> None:
    saved(templates, "{{ host }}")
    accepted(ledger_of_desks, templates, "disk@1", host="db-3")
    assert templates.save("default", "disk", text("full"), None, "ada").dropped == {}


def test_a_note_that_fails_is_logged_and_takes_nothing_back(
    templates: SavedTemplates, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise redis.ResponseError("OOM command not allowed")

    monkeypatch.setattr(SavedTemplates, "_note", refuse)
    templates.note_sent("default", "disk", frozenset({"host"}))
    assert "were not noted: ResponseError" in caplog.text


def test_what_was_accepted_stays_when_the_template_changes_and_a_key_compares_what_was_asked(
    templates: SavedTemplates, ledger_of_desks: Ledger
) -> None:
    def asked(template: str = "disk", **more: Any) -> Notification:
        given = {"receiver_id": "ou_ada", "key": "k", "template": template, "variables": {"host": "db-3"} | more}
        return Notification.build(filled_event(given, templates.find))

    saved(templates, "1: {{ host }}")
    [first] = ledger_of_desks.accept([asked()])
    saved(templates, "2: {{ host }}")
    [again] = ledger_of_desks.accept([asked()])
    assert (again.id, again.duplicate) == (first.id, True)
    assert ledger_of_desks.get(first.id).notification.message.content == {"text": "1: db-3"}
    for other in (asked(host="db-4"), asked("disk@2")):
        with pytest.raises(BadInput, match="already used"):
            ledger_of_desks.accept([other])
