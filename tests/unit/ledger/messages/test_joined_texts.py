"""What Deskbell itself says in messages of events, in both languages of a desk."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import orjson
import pytest

from ledger.messages.content import MsgType
from ledger.messages.joined_message import Line, Told, joined_message
from ledger.messages.joined_texts import _EN, _ZH, Fired, Wording

SHANGHAI = ZoneInfo("Asia/Shanghai")
#: 13:00 in Shanghai.
BEGAN = round(datetime(2026, 11, 26, 5, 0, tzinfo=UTC).timestamp() * 1000)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def test_both_languages_have_the_same_texts() -> None:
    assert _EN.keys() == _ZH.keys()


@pytest.mark.parametrize(
    ("length_ms", "en", "zh"),
    [
        (0, "1 s", "1 秒"),
        (999, "1 s", "1 秒"),
        (59_999, "59 s", "59 秒"),
        (MINUTE, "1 min", "1 分钟"),
        (80 * MINUTE, "1 h 20 min", "1 小时 20 分钟"),
        (2 * HOUR + 5_000, "2 h", "2 小时"),
        (DAY + HOUR + 9 * MINUTE, "1 d 1 h", "1 天 1 小时"),
        (3000 * DAY, "3,000 d", "3,000 天"),
    ],
)
def test_how_long_an_alert_fired_is_told_in_two_units_at_most(length_ms: int, en: str, zh: str) -> None:
    fired = Fired(BEGAN, BEGAN + length_ms)
    assert Wording("en", None).fired(fired, fired.ended_ms).startswith(f"Fired for {en}, since ")
    assert Wording("zh", None).fired(fired, fired.ended_ms).endswith(f"持续 {zh}")


@pytest.mark.parametrize(
    ("zone", "length_ms", "since"),
    [
        (None, HOUR, "05:00 UTC"),
        (SHANGHAI, HOUR, "13:00"),
        (None, DAY, "11-26 05:00 UTC"),
        (SHANGHAI, DAY, "11-26 13:00"),
    ],
)
def test_since_when_is_told_with_its_zone_and_its_day_where_that_is_another(
    zone: tzinfo | None, length_ms: int, since: str
) -> None:
    for fired in (Fired(BEGAN, BEGAN + length_ms), Fired(BEGAN, BEGAN + 1)):
        told_ms = BEGAN + length_ms
        assert Wording("en", zone).fired(fired, told_ms).endswith(f"since {since}")
        assert f"自 {since} 起" in Wording("zh", zone).fired(fired, told_ms)


def shown(language: str, **other: object) -> list[str]:
    lines = [
        Line(BEGAN + HOUR, "disk", "Disk is free again", Fired(BEGAN, BEGAN + HOUR)),
        Line(BEGAN, "disk", "Disk is full"),
    ]
    given = {"is_throttled": False, "since_ms": BEGAN, "count": 9, "lines": lines, "groups": {"disk": 4}, "expired": 1}
    message = joined_message(Told(**{**given, **other}, wording=Wording(language, SHANGHAI)))  # type: ignore[arg-type]
    assert message.msg_type is MsgType.POST
    [post] = orjson.loads(message.wire_content())["post"].values()
    return [post["title"], *("".join(each["text"] for each in paragraph) for paragraph in post["content"])]


def test_a_digest_is_in_the_language_of_its_desk() -> None:
    assert shown("zh") == [
        "自 13:00 起共 9 条消息",
        "disk（4）",
        "14:00 Disk is free again · 告警自 13:00 起，持续 1 小时",
        "13:00 Disk is full",
        "…… 另有 2 条",
        "…… 其他分组另有 5 条",
        "1 条在发送前已过期",
    ]
    assert shown("en") == [
        "9 messages since 13:00",
        "disk (4)",
        "14:00 Disk is free again · Fired for 1 h, since 13:00",
        "13:00 Disk is full",
        "… and 2 more",
        "… and 5 more in other groups",
        "1 expired before this could be sent",
    ]


def test_a_throttled_message_is_in_the_language_of_its_desk() -> None:
    assert shown("zh", is_throttled=True)[0] == "自 13:00 起另有 9 条："
    assert shown("en", is_throttled=True)[0] == "9 more since 13:00:"
    assert shown("en", count=1, groups={})[0] == "1 message since 13:00"
