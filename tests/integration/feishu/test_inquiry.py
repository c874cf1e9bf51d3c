"""What Feishu says of people, and why it names nobody, asked of the sandbox."""

from collections.abc import Iterator

import fakeredis
import pytest
import requests

from feishu.client import FeishuClient
from feishu.contact_sight import ContactSight
from feishu.inquiry import Finding, Inquiry
from ledger.redis_keys import RedisKeys
from tests.integration.feishu.sandbox_client import feishu

WIDE = ("contact:contact:readonly_as_app", "contact:contact:readonly", "contact:contact:access_as_app")


def found(client: FeishuClient, *whom: str, id_type: str | None = None) -> list[Finding]:
    inquiry = Inquiry(fakeredis.FakeRedis(), RedisKeys("deskbell"), client.desk, client)
    return inquiry.about(whom, id_type)


def without(*scopes: str) -> list[str]:
    return [word for scope in scopes for word in ("--without-scope", scope)]


@pytest.fixture(scope="module")
def company() -> Iterator[FeishuClient]:
    with feishu() as client:
        yield client


@pytest.mark.parametrize(
    ("who", "open_id", "reason", "said"),
    [
        ("li.na@acme.example", "ou_li.na", None, "can be sent to"),
        ("jiang.nan@acme.example", "ou_jiang.nan", "resigned", "resigned"),
        ("shi.lin@acme.example", "ou_shi.lin", "resigned", "left this company's Feishu"),
        ("deng.chao@acme.example", "ou_deng.chao", "frozen", "paused by an administrator"),
        ("guo.xia@acme.example", "ou_guo.xia", "not_joined", "not signed in"),
        ("cao.bin@acme.example", "ou_cao.bin", "not_joined", "not signed in"),
        ("li.na@mail.acme.example", None, "no_such_person", "is the domain of enterprise mailboxes"),
        ("nobody@acme.example", None, "no_such_person", "nobody has this address"),
        ("+8613900010003", "ou_sun.yan", None, "can be sent to"),
        ("mobile:139-0001-0003", "ou_sun.yan", None, "can be sent to"),
        ("ou_li.na", "ou_li.na", None, "can be sent to"),
        ("on_li.na", "ou_li.na", None, "can be sent to"),
        ("u_li.na", "ou_li.na", None, "can be sent to"),
        ("id:ou_li.na", "ou_li.na", None, "can be sent to"),
        ("ou_unknown", None, "no_such_person", "nobody has this id"),
        ("a b@c", None, "invalid", "neither an e-mail address"),
    ],
)
def test_an_address_leads_to_somebody_or_says_why_not(
    company: FeishuClient, who: str, open_id: str | None, reason: str | None, said: str
) -> None:
    [finding] = found(company, who)
    assert (finding.who, finding.open_id, finding.reason) == (who, open_id, reason)
    assert said in finding.said


def test_many_are_told_in_their_order(company: FeishuClient) -> None:
    whom = [f"somebody{number}@else.example" for number in range(120)]
    assert [finding.open_id for finding in found(company, *whom)] == [f"ou_somebody{number}" for number in range(120)]


def test_an_id_of_another_type_is_told(company: FeishuClient) -> None:
    [finding] = found(company, "ou_li.na", id_type="union_id")
    assert (finding.reason, finding.said) == ("invalid", "is an id of another type or of another app")


def test_who_is_out_of_range_may_not_be_told_from_nobody() -> None:
    with feishu("--range", "od-people") as client:
        there, away, by_id = found(client, "li.na@acme.example", "sun.yan@acme.example", "ou_sun.yan")
    assert there.open_id == "ou_li.na"
    assert (away.reason, by_id.reason) == ("no_such_person", "not_visible")
    assert "outside the contact range" in away.said


def test_without_the_scope_for_the_status_nothing_is_said_of_it() -> None:
    with feishu(*without("contact:user.employee:readonly", *WIDE)) as client:
        there, resigned = found(client, "deng.chao@acme.example", "jiang.nan@acme.example")
    assert (there.open_id, there.reason, there.standing) == ("ou_deng.chao", None, None)
    assert "contact:user.employee:readonly" in there.do
    assert resigned.reason == "resigned"  # the second question tells it


def test_an_app_that_may_not_read_people_still_finds_them() -> None:
    with feishu("--scopes", "contact:user.id:readonly") as client:
        there, nobody = found(client, "li.na@acme.example", "nobody@acme.example")
    assert (there.open_id, there.name) == ("ou_li.na", None)
    assert "outside the contact range" in nobody.said


def test_all_is_seen_with_all_scopes(company: FeishuClient) -> None:
    sight = ContactSight.of(company)
    assert (sight.finds_addresses, sight.everybody, sight.missing) == (True, True, ())


def test_a_range_is_told_by_what_it_names() -> None:
    with feishu("--range", "od-people,ou_ma.jun,g-leads", *without("contact:user.email:readonly")) as client:
        sight = ContactSight.of(client)
    assert sight.range is not None
    assert (sight.everybody, len(sight.range.departments), len(sight.range.people)) == (False, 1, 1)
    assert sight.missing == ("contact:user.email:readonly",)


def test_calls_without_a_scope_are_told() -> None:
    with feishu("--scopes", "contact:group:readonly") as client:
        assert ContactSight.of(client) == ContactSight(False, None, None, False, ())


def test_one_address_that_feishu_cannot_use_does_not_hide_the_others() -> None:
    with feishu() as client:
        order = {"match": {"path": "users"}, "times": 2, "do": {"code": 40001}}
        requests.post(f"{client.desk.feishu_url}/sandbox/faults", json=order, timeout=60).raise_for_status()
        # The call about both is refused, and then the one about the first alone.
        first, second = found(client, "sun.yan@acme.example", "li.na@acme.example")
    assert (second.open_id, first.open_id, first.reason) == ("ou_li.na", None, "invalid")
