"""What an announcement is asked for with: what is refused, and what makes it the same one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.errors import BadInput
from ledger.messages.content import Message
from ledger.messages.message_file import MessageTemplate
from producers.announcements.announcement_draft import AnnouncementDraft
from tests.all_of import all_of

__all__: list[str] = []

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def a_draft(**fields: Any) -> AnnouncementDraft:
    return AnnouncementDraft.build({"name": "Office move", "text": "Dear {{ name }}", **fields}, now=NOW)


def test_nothing_but_a_name_and_a_message_is_needed() -> None:
    spec = a_draft().spec
    assert (spec.desk, spec.receive_type, spec.on_unknown, spec.weight) == ("default", "chat", "hold", 1)
    assert spec.message == {"msg_type": "text", "content": {"text": "Dear {{ name }}"}}


@pytest.mark.parametrize(
    "message",
    [
        {"msg_type": "text", "content": {"text": "Dear {{ name }}"}},
        MessageTemplate({"msg_type": "text", "content": {"text": "Dear {{ name }}"}}),
        Message.text("Dear {{ name }}"),
    ],
)
def test_a_message_may_be_given_in_each_of_its_forms(message: Any) -> None:
    assert a_draft(text=None, message=message).spec.template.variables == {"name"}


@all_of(
    ("fields", "said"),
    [
        ({"text": None}, "message: give one of text, markdown, message and template"),
        ({"message": {"msg_type": "text"}}, "message: give one of text, markdown, message and template"),
        ({"text": None, "message": ["no"]}, "message: must be an object"),
        ({"text": None, "message": {"msg_type": "fax", "content": {}}}, "message.msg_type"),
        ({"text": "Dear {{ name"}, "message.content.text"),
        ({"text": " "}, "must not be blank"),
        ({"name": ""}, "name: "),
        ({"weight": 0}, "weight: "),
        ({"weight": 101}, "weight: "),
        ({"receive_type": "fax"}, "receive_type: must be 'chat' or 'user'"),
        ({"bogus": 1}, "bogus: "),
        ({"at": "soon"}, "at: 'soon' is not a valid time"),
        ({"expires": "2020-01-01T00:00Z"}, "expires: 2020-01-01T00:00:00+00:00 is in the past"),
        ({"at": "2h", "expires": "1h"}, "expires: must be later than the time of sending"),
        ({"between": "09:00-18:00"}, "timezone: goes with between"),
        ({"between": "nine-to-five", "timezone": "Asia/Shanghai"}, "between: 'nine-to-five'"),
        ({"between": "09:00-18:00", "timezone": "Asia/Gotham"}, "timezone: 'Asia/Gotham'"),
        ({"key": ""}, "key: must be"),
        ({"key": "k" * 257}, "key: must be"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as refused:
        a_draft(**fields)
    assert said in str(refused.value)


def test_markdown_stays_as_it_was_written_beside_the_card() -> None:
    draft = a_draft(text=None, markdown="# Move\n\nDear **{{ name }}**")
    assert draft.spec.message["msg_type"] == "interactive"
    assert draft.spec.markdown == "# Move\n\nDear **{{ name }}**"
    card = a_draft(text=None, message=draft.spec.message)
    assert card.digest("f00") == draft.digest("f00")


def test_no_refusal_and_no_repr_tells_the_message() -> None:
    assert "secret" not in repr(a_draft(text="the secret plan"))
    with pytest.raises(BadInput) as refused:
        a_draft(text="the secret plan", weight="heavy")
    assert refused.value.__context__ is None
    assert "secret" not in str(refused.value)


def test_times_are_durations_from_now_or_points_in_time() -> None:
    assert a_draft(at="1h").spec.at == NOW + timedelta(hours=1)
    assert a_draft(expires="2026-11-30T09:00+08:00").spec.expires_at == datetime(2026, 11, 30, 1, tzinfo=UTC)
    assert a_draft(expires=datetime(2026, 11, 30, 1, tzinfo=UTC)).spec.expires_at is not None


@pytest.mark.parametrize("same", [{"name": "Another name"}, {"key": "k"}, {"weight": 1}, {"on_unknown": "hold"}])
def test_a_name_a_key_and_a_default_make_no_other_announcement(same: dict[str, Any]) -> None:
    assert a_draft().digest("f00") == a_draft(**same).digest("f00")


@pytest.mark.parametrize(
    "other",
    [
        {"text": "Hello {{ name }}"},
        {"at": "1h"},
        {"desk": "hr"},
        {"weight": 2},
        {"on_unknown": "resend"},
        {"skip_invalid": True},
        {"allow_duplicates": True},
        {"between": "09:00-18:00", "timezone": "UTC"},
    ],
)
def test_any_other_option_makes_another_announcement(other: dict[str, Any]) -> None:
    assert a_draft().digest("f00") != a_draft(**other).digest("f00")
    assert a_draft().digest("f00") != a_draft().digest("ba4")


def test_the_same_command_later_on_asks_for_the_same_announcement() -> None:
    later = AnnouncementDraft.build({"name": "n", "text": "hi", "at": "1h"}, now=NOW + timedelta(minutes=5))
    assert later.digest("f00") == AnnouncementDraft.build({"name": "n", "text": "hi", "at": "1h"}, now=NOW).digest(
        "f00"
    )
