"""Messages of a hook that go together: throttle, digest, quiet hours, and what is urgent."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from ledger.errors import BadInput
from ledger.joining import Joining
from ledger.messages.content import MsgType
from ledger.notification import Notification
from producers.hooks.hook import Rendered
from producers.hooks.joining_rule import JoiningRule
from producers.hooks.quiet_hours import QuietHours
from producers.hooks.schema import RuleFields
from producers.hooks.template_context import TemplateContext
from tests.unit.producers.hooks.hook_cases import a_hook, hooks_of, incoming

#: 23:30 and 12:00 in Shanghai.
NIGHT, NOON = datetime(2026, 11, 25, 15, 30, tzinfo=UTC), datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 26, 0, 0, tzinfo=UTC)
QUIET = {"quiet": "22:00-08:00", "timezone": "Asia/Shanghai"}


def context(**payload: object) -> TemplateContext:
    return TemplateContext("it", "d", dict(payload), {})


def joining(payload: TemplateContext, now: datetime = NOON, **fields: str) -> Joining | None:
    problems: list[BadInput] = []
    found = JoiningRule("it", RuleFields.model_validate(fields), "hook.it").joins(payload, problems, now)
    assert problems == []
    return found.joining


def one(folder: Path, payload: dict[str, object], *lines: str) -> Notification:
    [made] = a_hook(folder, *lines).render(incoming(payload)).notifications
    return made


def test_a_hook_without_any_of_it_sends_each_message_by_itself(tmp_path: Path) -> None:
    made = one(tmp_path, {}, 'text = "x"')
    assert (made.throttle, made.digest, made.joining, made.may_join) == (None, None, None, False)


def test_a_throttle_has_a_window_for_each_key(tmp_path: Path) -> None:
    lines = ('text = "x"', 'throttle = "30m"', 'throttle_key = "{{ payload.host }}"')
    made = [one(tmp_path, {"host": host}, *lines) for host in ("a", "b", "a")]
    windows = [each.window("n_1") for each in made]
    assert windows[0]["key"] == windows[2]["key"] != windows[1]["key"]
    assert (windows[0]["kind"], windows[0]["length"]) == ("throttle", 1_800_000)


def test_a_digest_has_one_window_and_groups(tmp_path: Path) -> None:
    lines = ('text = "{{ payload.text }}"', 'digest = "5m"', 'digest_by = "{{ payload.kind }}"')
    made = [one(tmp_path, {"kind": kind, "text": f"{kind} is ill"}, *lines) for kind in ("disk", "cpu")]
    windows = [each.window("n_1") for each in made]
    assert windows[0]["key"] == windows[1]["key"]
    assert [(each["group"], each["line"]) for each in windows] == [("disk", "disk is ill"), ("cpu", "cpu is ill")]


@pytest.mark.parametrize(
    ("urgent", "payload", "is_urgent"),
    [
        ("{{ payload.severity == 'critical' }}", {"severity": "critical"}, True),
        ("{{ payload.severity == 'critical' }}", {"severity": "warning"}, False),
        ("payload.severity == 'critical'", {"severity": "critical"}, True),
        ("{{ payload.urgent }}", {"urgent": "false"}, False),
        ("{{ payload.urgent }}", {"urgent": "yes"}, True),
        ("{{ payload.urgent }}", {"urgent": []}, False),
        ("{% if payload.n > 3 %}yes{% endif %}", {"n": 4}, True),
        ("{% if payload.n > 3 %}yes{% endif %}", {"n": 3}, False),
    ],
)
@pytest.mark.parametrize("way", [{"throttle": "30m"}, {"digest": "5m"}, QUIET])
def test_what_is_urgent_passes(
    way: dict[str, str], urgent: str, payload: dict[str, object], *, is_urgent: bool
) -> None:
    assert (joining(context(**payload), NIGHT, **way, urgent=urgent) is None) is is_urgent


def test_what_cannot_be_judged_is_urgent_and_told(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'text = "x"', 'digest = "5m"', 'urgent = "{{ 1 // payload.n }}"')
    rendered = hook.render(incoming({"n": 0}))
    assert [each.joining for each in rendered.notifications] == [None]
    assert rendered.reason is not None
    assert "hook.it.urgent" in rendered.reason
    assert rendered.lost == 0


def test_a_group_that_cannot_be_worked_out_keeps_nothing_back(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'text = "x"', 'digest = "5m"', 'digest_by = "{{ 1 // payload.n }}"')
    rendered = hook.render(incoming({"n": 0}))
    [made] = rendered.notifications
    assert made.joining is not None
    assert made.joining.group == ""
    assert "hook.it.digest_by" in (rendered.reason or "")


def test_long_groups_and_keys_are_cut_and_stay_apart() -> None:
    groups = [joining(context(kind="x" * 300 + end), digest="5m", digest_by="{{ payload.kind }}") for end in "ab"]
    names = {each.group for each in groups if each}
    assert len(names) == 2
    assert {len(name) for name in names} == {100}


def test_in_quiet_hours_it_waits_for_their_end() -> None:
    for way in ({}, {"throttle": "30m"}, {"digest": "5m"}):
        found = joining(context(), NIGHT, **way, **QUIET)
        assert found is not None
        assert (found.is_quiet, found.until, found.name) == (True, MORNING, "hook/it")


def test_outside_quiet_hours_a_hook_with_no_more_sends_at_once() -> None:
    found = joining(context(), NOON, **QUIET)
    assert found is not None
    assert (found.is_quiet, found.until) == (False, None)
    made = Notification.build({"receiver_id": "ou_a", "text": "x"}, joining=found)
    assert not made.may_join


def test_a_window_that_would_end_in_quiet_hours_ends_after_them() -> None:
    evening = datetime(2026, 11, 25, 13, 58, tzinfo=UTC)
    found = joining(context(), evening, digest="5m", **QUIET)
    assert found is not None
    assert (found.is_quiet, found.until) == (False, MORNING)


@pytest.mark.parametrize(
    ("hours", "time", "end"),
    [
        ("22:00-08:00", NIGHT, MORNING),
        ("22:00-08:00", MORNING - timedelta(seconds=1), MORNING),
        ("22:00-08:00", MORNING, None),
        ("22:00-08:00", NOON, None),
        ("12:00-13:00", NOON, NOON + timedelta(hours=1)),
    ],
)
def test_quiet_hours_end_when_their_zone_says_so(hours: str, time: datetime, end: datetime | None) -> None:
    assert QuietHours.read(hours, "Asia/Shanghai").end_at(time) == end


def test_a_case_may_say_otherwise_than_its_hook(tmp_path: Path) -> None:
    hook = hooks_of(
        tmp_path,
        """
        [hook.it]
        to = "ou_ada"
        text = "x"
        throttle = "30m"
        [[hook.it.case]]
        when = "payload.digest"
        digest = "5m"
        [[hook.it.case]]
        """,
    )["it"]
    [digest] = hook.render(incoming({"digest": True})).notifications
    [throttled] = hook.render(incoming({"digest": False})).notifications
    assert (digest.throttle, digest.digest) == (None, timedelta(minutes=5))
    assert (throttled.throttle, throttled.digest) == (timedelta(minutes=30), None)


def test_what_another_process_has_rendered_goes_together_too(tmp_path: Path) -> None:
    hook = a_hook(tmp_path, 'text = "x"', 'digest = "5m"', 'digest_by = "{{ payload.kind }}"')
    rendered = hook.render(incoming({"kind": "disk"}))
    again = Rendered.of_json(orjson.loads(orjson.dumps(rendered.as_json())))
    assert again.notifications == rendered.notifications
    assert again.notifications[0].message.msg_type is MsgType.TEXT


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('throttle = "soon"', "hook.it.throttle: 'soon' is not a valid duration"),
        ('digest = "8d"', "hook.it.digest: must be from 1 second to 7 days"),
        ('digest = "5m"\nthrottle = "5m"', "hook.it.digest: cannot be combined with throttle: give one of them"),
        ('quiet = "22:00-08:00"', "hook.it.timezone: is missing"),
        ('quiet = "22-8"\ntimezone = "Asia/Shanghai"', "hook.it.quiet: '22-8' are not valid hours"),
        ('quiet = "22:00-08:00"\ntimezone = "Shanghai"', "hook.it.timezone: 'Shanghai' is not a time zone"),
        ('urgent = "{{ payload.x }}"', "hook.it.urgent: goes with throttle / digest / quiet alone"),
        ('digest = "5m"\nurgent = "{{ paylod.x }}"', "hook.it.urgent: uses the unknown variable 'paylod'"),
        ('digest = "5m"\ndigest_by = "{{ kind }}"', "hook.it.digest_by: uses the unknown variable 'kind'"),
    ],
)
def test_what_says_no_window_is_refused_with_its_field(tmp_path: Path, lines: str, problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        a_hook(tmp_path, 'text = "x"', lines)
    assert str(caught.value).startswith(problem)
