"""How `deskbell send` reads its command line."""

import pytest

from ledger.errors import BadInput
from producers.cli.send import _key, _receivers, _times, _with_wait_seconds

__all__: list[str] = []

TAKES_VALUE = {"--to", "--text", "--key"}


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        (["--wait"], ["--wait=60.0"]),
        (["--wait", "30"], ["--wait", "30"]),
        (["--wait=30"], ["--wait=30"]),
        (["--wait", "--json"], ["--wait=60.0", "--json"]),
        (["--json", "--wait"], ["--json", "--wait=60.0"]),
        (["--to", "ou_ada", "--wait", "--text", "hi"], ["--to", "ou_ada", "--wait=60.0", "--text", "hi"]),
        # The value of another option is left alone, whatever it reads.
        (["--text", "--wait", "--json"], ["--text", "--wait", "--json"]),
        (["--text", "--wait", "--wait"], ["--text", "--wait", "--wait=60.0"]),
        (["--text"], ["--text"]),
    ],
)
def test_wait_alone_means_a_minute(arguments: list[str], read: list[str]) -> None:
    assert _with_wait_seconds(arguments, TAKES_VALUE) == read


@pytest.mark.parametrize(
    ("to", "receivers"),
    [
        (["ou_ada"], ["ou_ada"]),
        (["ou_ada", "ou_bob"], ["ou_ada", "ou_bob"]),
        (["ou_ada,ou_bob", "ou_cid"], ["ou_ada", "ou_bob", "ou_cid"]),
        (["ou_ada, ou_bob ,"], ["ou_ada", "ou_bob"]),
        (
            ["ann@corp.example,+86 138-0013-8000,+49 171 2345678"],
            ["ann@corp.example", "mobile:13800138000", "+491712345678"],
        ),
        (["id:+1", "id:ou_ada", "mobile:+491712345678"], ["id:+1", "ou_ada", "+491712345678"]),
    ],
)
def test_receivers_may_be_repeated_or_joined(to: list[str], receivers: list[str]) -> None:
    assert list(_receivers(to)) == receivers


def test_a_receiver_that_is_given_twice_is_told_and_taken_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(_receivers(["ou_ada,ou_bob", "ou_ada", "id:ou_ada"])) == ["ou_ada", "ou_bob"]
    assert capsys.readouterr().err == "deskbell: ou_ada was given more than once; it gets one message\n"


def test_one_address_in_two_spellings_is_one_receiver(capsys: pytest.CaptureFixture[str]) -> None:
    receivers = _receivers(["Bea@Corp.example,+86 139-0013-9000", "bea@corp.example", "mobile:13900139000"])
    assert receivers == {
        "bea@corp.example": {"email": "Bea@Corp.example"},
        "mobile:13900139000": {"mobile": "+8613900139000"},
    }
    assert "bea@corp.example was given more than once; it gets one message" in capsys.readouterr().err


def test_several_receivers_have_a_key_each() -> None:
    assert _key("k", "ou_ada", ["ou_ada", "ou_bob"]) == "k/ou_ada"
    assert _key("k", "ou_ada", ["ou_ada"]) == "k"
    assert _key(None, "ou_ada", ["ou_ada", "ou_bob"]) is None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"at": "2126-11-30T09:00", "timezone": "Asia/Shanghai"}, "at: 2126-11-30 09:00 CST (+08:00), in "),
        ({"expires": "2126-07-01", "timezone": "Europe/Berlin"}, "expires: 2126-07-01 00:00 CEST (+02:00), in "),
        ({"at": "2126-11-30T09:00+08:00"}, ""),
        ({"at": "2h"}, ""),
    ],
)
def test_a_time_without_an_offset_is_told_with_its_zone_and_distance(
    capsys: pytest.CaptureFixture[str], options: dict[str, str], told: str
) -> None:
    given = {"at": None, "expires": None, **options}
    read = _times(options.get("timezone"), given)
    assert all((read[name] is None) is (given[name] is None) for name in ("at", "expires"))
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("timezone", ["", "Nowhere"])
def test_what_is_no_time_zone_is_refused(timezone: str) -> None:
    with pytest.raises(BadInput, match="is not a time zone"):
        _times(timezone, {"at": "2h", "expires": None})
