"""Who is meant by a contact: one answer each, from Redis or from Feishu, and only at Feishu's pace."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import fakeredis
import orjson
import pytest

from feishu.client import Person
from feishu.codes import Kind
from feishu.contact import Unresolved
from feishu.people import PROBLEM_MS, People
from feishu.query_retry import TRIES
from feishu.verdict import AskFailed, Verdict
from ledger.addresses import Contact
from ledger.redis_keys import RedisKeys
from ledger.settings import Desk, Settings

ANN, BOB, EVE = (Contact("email", f"{name}@x.cn") for name in ("ann", "bob", "eve"))
NOBODY = (
    "nobody with this email is visible to the app: it is unknown, outside the app's contact range, or an enterprise"
    " mailbox, which Feishu does not look up (use the address the person signs in with)"
)
#: As in ledger/lua/contact.lua.
SECOND_CALLS, SECOND = 45, 1.1
SETTINGS = Settings(_env_file=None, prefix="bell")
PHONE = Contact("mobile", "+8613812345678")


def failure(kind: Kind, retry_after_seconds: float | None = None) -> AskFailed:
    return AskFailed(
        Verdict(call="people", kind=kind, retry_after_seconds=retry_after_seconds, started_at_ms=0, elapsed_ms=1)
    )


@dataclass
class Feishu:
    """Knows who works here and who resigned, and tells the status if it may."""

    here: dict[str, str] = field(default_factory=dict)
    resigned: dict[str, str] = field(default_factory=dict)
    tells_status: bool = False
    failures: list[AskFailed] = field(default_factory=list)
    asked: list[tuple[list[str], list[str], bool]] = field(default_factory=list)

    def people(self, emails: Sequence[str], mobiles: Sequence[str], *, with_resigned: bool = False) -> list[Person]:
        self.asked.append((list(emails), list(mobiles), with_resigned))
        if self.failures:
            raise self.failures.pop(0)
        return [self.person(contact, with_resigned) for contact in (*emails, *mobiles)]

    def person(self, contact: str, with_resigned: bool) -> Person:
        known = self.here | (self.resigned if with_resigned else {})
        left = contact in self.resigned if self.tells_status and contact in self.here | self.resigned else None
        return Person(known.get(contact), left)


@dataclass
class Desktop:
    """The people of a desk over a Redis of their own, with waits that take no time."""

    feishu: Feishu
    redis: fakeredis.FakeRedis = field(default_factory=fakeredis.FakeRedis)
    waits: list[float] = field(default_factory=list)

    def people(self, desk: Desk | None = None) -> People:
        return People(self.redis, SETTINGS, desk or a_desk(), self.feishu, sleep=self.sleep)

    def key_of(self, contact: Contact) -> str:
        return RedisKeys("bell").person(a_desk().app, contact.digest)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.redis.delete(*self.redis.scan_iter("bell:app:*"))  # its time is over


def a_desk(app_id: str = "cli_1") -> Desk:
    return Settings(_env_file=None, app_id=app_id).desk("default")


@pytest.fixture
def desktop() -> Desktop:
    feishu = Feishu(here={ANN.value: "ou_ann", PHONE.value: "ou_phone"}, resigned={BOB.value: "ou_bob"})
    return Desktop(feishu)


def test_each_contact_has_its_own_answer(desktop: Desktop) -> None:
    assert desktop.people().resolve([PHONE, EVE, ANN, BOB, ANN]) == {
        PHONE: "ou_phone",
        EVE: Unresolved(NOBODY),
        ANN: "ou_ann",
        BOB: Unresolved("the person with this email has resigned"),
    }


def test_only_those_whom_feishu_did_not_name_are_asked_about_again(desktop: Desktop) -> None:
    desktop.people().resolve([ANN, BOB, EVE, PHONE, ANN])
    assert desktop.feishu.asked == [
        ([ANN.value, BOB.value, EVE.value], [PHONE.value], False),
        ([BOB.value, EVE.value], [], True),
    ]


def test_the_status_saves_the_second_question(desktop: Desktop) -> None:
    desktop.feishu.tells_status = True
    assert desktop.people().resolve([ANN, BOB]) == {
        ANN: "ou_ann",
        BOB: Unresolved("the person with this email has resigned"),
    }
    assert len(desktop.feishu.asked) == 1


def test_someone_who_is_named_late_and_has_not_left_is_found(desktop: Desktop) -> None:
    answers = {False: [Person(None)], True: [Person("ou_eve", left=False)]}
    desktop.feishu.people = lambda *contacts, with_resigned: answers[with_resigned]  # type: ignore[method-assign]
    assert desktop.people().resolve([EVE]) == {EVE: "ou_eve"}


def test_an_id_with_a_status_of_someone_who_left_is_a_problem(desktop: Desktop) -> None:
    desktop.feishu.people = lambda *contacts, **options: [Person("ou_ann", left=True)]  # type: ignore[method-assign]
    assert desktop.people().resolve([ANN]) == {ANN: Unresolved("the person with this email has resigned")}


def test_nobody_is_asked_about_nobody(desktop: Desktop) -> None:
    assert desktop.people().resolve([]) == {}
    assert desktop.feishu.asked == []


def test_more_contacts_than_feishu_takes_are_asked_about_in_parts(desktop: Desktop) -> None:
    contacts = [Contact("email", f"p{number}@x.cn") for number in range(101)]
    desktop.feishu.here = {contact.value: f"ou_{number}" for number, contact in enumerate(contacts)}
    assert desktop.people().resolve(contacts) == {each: f"ou_{number}" for number, each in enumerate(contacts)}
    assert [len(emails) for emails, _, _ in desktop.feishu.asked] == [50, 50, 1]


def test_an_answer_is_remembered_a_day_and_a_problem_ten_minutes(desktop: Desktop) -> None:
    first = desktop.people().resolve([ANN, EVE])
    asked = len(desktop.feishu.asked)
    assert desktop.people().resolve([ANN, EVE]) == first
    assert len(desktop.feishu.asked) == asked
    keys = [desktop.key_of(contact) for contact in (ANN, EVE)]
    lives = [(orjson.loads(desktop.redis.get(key) or b""), desktop.redis.pttl(key)) for key in keys]
    assert lives == [
        ({"open_id": "ou_ann"}, pytest.approx(86_400_000, abs=10_000)),
        ({"problem": NOBODY, "reason": "no_such_person"}, pytest.approx(PROBLEM_MS, abs=10_000)),
    ]


def test_no_key_tells_an_address(desktop: Desktop) -> None:
    desktop.people().resolve([ANN])
    keys = list(desktop.redis.scan_iter())
    assert keys
    assert not [key for key in keys if b"x.cn" in key]


def test_another_app_asks_for_itself(desktop: Desktop) -> None:
    desktop.people().resolve([ANN])
    desktop.people(a_desk("cli_2")).resolve([ANN])
    assert len(desktop.feishu.asked) == 2


def test_the_next_question_waits_for_the_pace_whichever_desk_of_the_app_asks(desktop: Desktop) -> None:
    desktop.people().resolve([ANN])
    assert desktop.waits == []
    calls = RedisKeys("bell").contact_calls(a_desk().app, "batch_get_id")
    desktop.redis.lpush(calls, *[round(time.time() * 1000)] * SECOND_CALLS)
    desktop.people(a_desk().model_copy(update={"name": "hr"})).resolve([PHONE])
    assert len(desktop.waits) == 1
    assert 0 < desktop.waits[0] <= SECOND


@pytest.mark.parametrize("kind", [Kind.TRANSIENT, Kind.THROTTLED])
def test_what_may_pass_is_asked_again(desktop: Desktop, kind: Kind) -> None:
    desktop.feishu.failures = [failure(kind)]
    assert desktop.people().resolve([ANN]) == {ANN: "ou_ann"}


@pytest.mark.parametrize(("kind", "calls"), [(Kind.DESK, 1), (Kind.QUOTA_SPENT, 1), (Kind.TRANSIENT, TRIES)])
def test_what_does_not_pass_is_told_and_not_remembered(desktop: Desktop, kind: Kind, calls: int) -> None:
    desktop.feishu.failures = [failure(kind) for _ in range(calls)]
    with pytest.raises(AskFailed):
        desktop.people().resolve([ANN])
    assert len(desktop.feishu.asked) == calls
    assert desktop.people().resolve([ANN]) == {ANN: "ou_ann"}


@pytest.mark.parametrize(("told", "waited"), [(7.0, 7.0), (9999.0, 60.0)])
def test_a_throttle_is_waited_out_as_feishu_says_up_to_a_minute(desktop: Desktop, told: float, waited: float) -> None:
    desktop.feishu.failures = [failure(Kind.THROTTLED, told)]
    desktop.people().resolve([ANN])
    # the jitter before the second try lies between 0 and 0.5 s
    assert waited <= desktop.waits[0] <= waited + 0.5


# -- one question


def test_one_question_is_not_repeated_and_nothing_of_it_is_cached(desktop: Desktop) -> None:
    assert desktop.people().ask([ANN, PHONE]) == {ANN: "ou_ann", PHONE: "ou_phone"}
    assert not desktop.redis.exists(desktop.key_of(ANN))
    desktop.feishu.failures = [failure(Kind.TRANSIENT)]
    with pytest.raises(AskFailed):
        desktop.people().ask([ANN])


def test_an_address_that_feishu_refuses_keeps_nobody_elses_from_an_answer(desktop: Desktop) -> None:
    odd = Contact("email", "odd@x.cn")
    invalid = AskFailed(Verdict(call="people", kind=Kind.REFUSED, code=99992402, started_at_ms=0, elapsed_ms=1))
    people = desktop.feishu.people

    def refusing(emails: Sequence[str], mobiles: Sequence[str], *, with_resigned: bool = False) -> list[Person]:
        if odd.value in emails:
            raise invalid
        return people(emails, mobiles, with_resigned=with_resigned)

    desktop.feishu.people = refusing  # type: ignore[method-assign]
    found = desktop.people().ask([ANN, odd, PHONE])
    assert (found[ANN], found[PHONE]) == ("ou_ann", "ou_phone")
    assert isinstance(found[odd], Unresolved)
    assert found[odd].code == 99992402


def test_an_answer_for_the_cache_says_who_or_why_not(desktop: Desktop) -> None:
    people = desktop.people()
    assert orjson.loads(people.answer(ANN, "ou_ann").kept) == {"open_id": "ou_ann"}
    kept = orjson.loads(people.answer(ANN, Unresolved("nobody", 40001)).kept)
    assert kept == {"problem": "nobody", "reason": "no_such_person", "code": 40001}
