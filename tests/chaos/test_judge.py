"""Each check of the judge, on a notification that breaks it: a harness that cannot fail proves nothing."""

import pytest

from ledger.announcement import Announcement, Spec
from ledger.delivery_options import OnUnknown, ReceiveType
from ledger.ids import row_id
from ledger.notification import Notification
from ledger.progress import Attempt, Progress
from ledger.record import Record
from ledger.states import AnnouncementState, Outcome, State
from tests.chaos.approvals import started_wrongly
from tests.chaos.case import Call, Case
from tests.chaos.company import of_an_audience
from tests.chaos.finding import Finding
from tests.chaos.gathering import Gathering, Told, told_in
from tests.chaos.notices import told_wrongly
from tests.chaos.report import Report
from tests.chaos.stillness import Stillness, before_its_start
from tests.chaos.traffic import Asked

BEFORE_ITS_START = "a call before its draft was started"
RESEND, HOLD = OnUnknown.RESEND, OnUnknown.HOLD


def call(
    started: float = 10.0,
    *,
    ended: float | None = None,
    message_id: str | None = "om_1",
    receiver_id: str = "ou_plain",
) -> Call:
    """Delivered unless its message has no id."""
    ended = started + 0.1 if ended is None else ended
    return Call(started, started, ended, message_id is not None, True, message_id, 0, "e0-1", receiver_id)


def attempt(outcome: Outcome, at: float = 10.0, message_id: str | None = None) -> Attempt:
    return Attempt(round(at * 1000), ReceiveType.CHAT, outcome, message_id=message_id)


def case(
    state: State,
    *calls: Call,
    attempts: tuple[Attempt, ...] = (),
    on_unknown: OnUnknown = RESEND,
    failing_ms: int = 0,
    receiver_id: str = "ou_plain",
) -> Case:
    progress = Progress(state, 20_000, attempts, failing_ms=failing_ms)
    return Case("n_1", Asked("e0-1", receiver_id, on_unknown), progress, calls)


DELIVERED = attempt(Outcome.DELIVERED, message_id="om_1")
AGAIN = attempt(Outcome.DELIVERED, 15, "om_2")
UNKNOWN = attempt(Outcome.UNKNOWN, 9.9)
LONG_UNKNOWN = Attempt(14_990, ReceiveType.CHAT, Outcome.UNKNOWN, ms=100)  # that of the second delivery itself
SENT_TWICE = (call(10), call(15, message_id="om_2"))


@pytest.mark.parametrize(
    "sound",
    [
        case(State.DELIVERED, call(), attempts=(DELIVERED,)),
        case(State.DELIVERED, *SENT_TWICE, attempts=(UNKNOWN, AGAIN)),
        case(State.UNKNOWN, call(), attempts=(UNKNOWN,), on_unknown=HOLD),
        case(State.UNKNOWN, attempts=(UNKNOWN,), on_unknown=HOLD),
        case(
            State.FAILED,
            call(message_id=None, receiver_id="ou_unknown"),
            attempts=(attempt(Outcome.REFUSED),),
            receiver_id="ou_unknown",
        ),
        case(State.CANCELLED),
        case(State.DELIVERED, *SENT_TWICE, attempts=(UNKNOWN, AGAIN), failing_ms=7000),
    ],
)
def test_what_is_sound_is_passed(sound: Case) -> None:
    assert list(sound.findings()) == []


BROKEN = [
    (Case("n_1", Asked("e0-1", "ou_plain", RESEND), None, ()), "accepted and absent"),
    (case(State.QUEUED), "neither final nor unknown once all was quiet"),
    (case(State.DELIVERED, attempts=(DELIVERED,)), "delivered, and the sandbox never accepted it"),
    (case(State.DELIVERED, call(), attempts=(AGAIN,)), "delivered, and the sandbox never accepted it"),
    (case(State.DELIVERED, call(receiver_id="ou_other"), attempts=(DELIVERED,)), "sent to somebody else"),
    (
        Case(
            "n_1",
            Asked("e0-1", "ou_plain", RESEND, contact="p@example.com", heir="ou_heir"),
            Progress(State.DELIVERED, 20_000, (UNKNOWN, AGAIN)),
            (call(10), call(15, message_id="om_2", receiver_id="ou_heir")),
        ),
        "sent to two people",
    ),
    (case(State.CANCELLED, call()), "accepted by the sandbox, and the ledger denies it"),
    (case(State.FAILED, attempts=(attempt(Outcome.REFUSED),)), "failed, though the API never refused it for good"),
    (
        case(State.DELIVERED, *SENT_TWICE, attempts=(AGAIN,)),
        "delivered again with no attempt recorded unknown before it",
    ),
    (
        case(State.DELIVERED, *SENT_TWICE, attempts=(AGAIN, attempt(Outcome.UNKNOWN, 16), AGAIN)),
        "delivered again with no attempt recorded unknown before it",
    ),
    (
        case(State.DELIVERED, *SENT_TWICE, attempts=(UNKNOWN, AGAIN), on_unknown=HOLD),
        "delivered twice with on_unknown: hold",
    ),
    (
        case(State.UNKNOWN, *SENT_TWICE, attempts=(LONG_UNKNOWN,)),
        "delivered again with no attempt recorded unknown before it",
    ),
    (
        case(State.DELIVERED, call(10, ended=11, message_id=None), call(10.5), attempts=(DELIVERED,)),
        "two calls in flight at once",
    ),
    (case(State.DELIVERED, call(), attempts=(DELIVERED,), failing_ms=1), "its retry budget was charged for waiting"),
]  # fmt: skip


@pytest.mark.parametrize(("broken", "finding"), BROKEN)
def test_what_is_broken_is_found(broken: Case, finding: str) -> None:
    assert list(broken.findings()) == [finding]


AUDIENCES = [
    (["ou_a"], "not announced to somebody of the audience", "ou_b"),
    (["ou_a", "ou_b", "ou_b"], "announced twice to somebody of the audience", "ou_b"),
    (["ou_a", "ou_c", "ou_b"], "announced to somebody outside the audience", "ou_c"),
]


def test_an_audience_that_is_reached_is_passed() -> None:
    assert list(of_an_audience({"ou_a", "ou_b"}, ["ou_b", "ou_a"])) == []


@pytest.mark.parametrize(("receivers", "finding", "who"), AUDIENCES)
def test_an_audience_that_is_not_reached_is_found(receivers: list[str], finding: str, who: str) -> None:
    assert list(of_an_audience({"ou_a", "ou_b"}, receivers)) == [(finding, who)]


WRONG_START = "started without an approval of this version by somebody else"
STARTS = [
    (["draft", "submit", "approve 1", "start"], []),
    (["draft", "submit", "approve 1", "edit", "submit", "approve 2", "start", "resume"], []),
    (["draft", "submit", "start"], [WRONG_START]),
    (["draft", "submit", "approve 1", "edit", "start"], [WRONG_START]),
    (["draft", "submit", "approve 1", "edit", "submit", "approve 1", "start"], [WRONG_START]),
    (["draft", "submit", "approve author", "start"], [WRONG_START]),
    (["announce"], [WRONG_START]),
    (["draft", "start without approval: now"], [WRONG_START]),
    (["draft", "submit", "approve 1", "start", "start"], ["a draft that did not start exactly once"]),
    (["draft", "submit", "approve 1"], ["a draft that did not start exactly once"]),
    ([], ["a draft that did not start exactly once"]),
]


def act_of(text: str) -> tuple[int, str, str]:
    did, _, by = text.partition(" ")
    return (0, f"approver-{by}", did) if did == "approve" else (0, "author", text)


@pytest.mark.parametrize(("acts", "findings"), STARTS)
def test_a_draft_that_starts_without_a_living_approval_or_not_once_is_found(
    acts: list[str], findings: list[str]
) -> None:
    assert list(started_wrongly(map(act_of, acts))) == findings


def test_a_call_before_the_start_is_told_from_other_calls_that_come_too_early_or_too_late() -> None:
    [before] = before_its_start({"a_1": 5.0})
    assert before.covers(row_id("a_1", 0))
    assert (before.told_at, before.until, before.what) == (float("-inf"), 5.0, BEFORE_ITS_START)
    assert Stillness("a_1", 3.0).what == "a call after a pause or a cancellation"


EVENTS = [Asked(f"e0-{number}", "ou_plain", RESEND, window="digest 3s") for number in range(3)]


def message(gathers: str = "digest") -> Record:
    build = Notification.build({"receiver_id": "ou_plain", "text": "e0-0"})
    return Record("n_1", build, Progress(State.DELIVERED, 0, gathers=gathers), 0)


def told(title: str, *lines: str) -> Told:
    content = [[{"tag": "text", "text": line}] for line in lines]
    return told_in({"post": {"zh_cn": {"title": title, "content": content}}})


ALL = told("3 messages since 14:00 UTC", "14:00 e0-2", "14:00 e0-1", "14:00 e0-0")
LAST = [f"14:00 e0-{number}" for number in range(9, 4, -1)]
TEN = [Asked(f"e0-{number}", "ou_plain", RESEND, window="throttle 3s") for number in range(10)]


@pytest.mark.parametrize(
    "sound",
    [
        (Gathering("n_1", message(), EVENTS), [ALL, ALL]),
        (Gathering("n_1", message(), EVENTS), []),
        (Gathering("n_1", message(), EVENTS[:1]), [told_in({"text": "e0-0"})]),
        (Gathering("n_1", message("throttle"), TEN), [told("10 more since 14:00 UTC:", *LAST)]),
    ],
)
def test_a_message_that_tells_of_what_joined_it_is_passed(sound: tuple[Gathering, list[Told]]) -> None:
    gathering, calls = sound
    assert list(gathering.findings(calls)) == []


NOT_TOLD = "a message that does not tell of what joined it"
GATHERED = [
    (Gathering("n_1", None, EVENTS), [], "joined, and the message is absent"),
    (Gathering("n_1", message(), [*EVENTS, Asked("e0-4", "ou_plain", RESEND, window="digest 3s")]), [ALL], NOT_TOLD),
    (Gathering("n_1", message(), EVENTS[:2]), [ALL], NOT_TOLD),
    (Gathering("n_1", message(), EVENTS), [ALL, told_in({"text": "e0-1"})], NOT_TOLD),
    (Gathering("n_1", message(), EVENTS), [told("3 messages since 14:00", "14:00 e0-2", "14:00 e0-1")], NOT_TOLD),
    (Gathering("n_1", message(), EVENTS), [told("3 messages since 14:00", *["14:00 e0-2"] * 3)], NOT_TOLD),
    (Gathering("n_1", message("throttle"), TEN), [told("9 more since 14:00:", *LAST)], NOT_TOLD),
    (Gathering("n_1", message(), [Asked("e0-0", "ou_plain", RESEND)]), [], "joined, and nobody asked for that"),
]


@pytest.mark.parametrize(("broken", "calls", "finding"), GATHERED)
def test_a_message_that_does_not_tell_of_what_joined_it_is_found(
    broken: Gathering, calls: list[Told], finding: str
) -> None:
    assert list(broken.findings(calls)) == [finding]


OF_GATHERINGS = dict.fromkeys([*(finding for *_, finding in GATHERED), "a message that nothing joined"])
NAMED = [finding for _, findings in STARTS for finding in findings]


@pytest.mark.parametrize(
    "finding", [*(finding for _, finding, *_ in (*BROKEN, *AUDIENCES)), *NAMED, BEFORE_ITS_START, *OF_GATHERINGS]
)
def test_what_is_found_has_its_line_in_the_table(finding: str) -> None:
    report = Report([], [Finding(finding)])
    found = {line for line in report.as_markdown().splitlines() if line.endswith("| 0 | 1 |")}
    assert len(found) == 1
    assert not any("anything else" in line for line in found)


def notice(kind: str, at_ms: int) -> Record:
    fields = {"receiver_id": "ou_starter", "text": f"{kind} {at_ms}"}
    return Record(f"n_{at_ms}", Notification.build(fields, key_of_ours=f"notice/a_1/{kind}/{at_ms}/d"), QUEUED, 0)


def ended(*acts: str) -> Announcement:
    spec = Spec(name="n", message={"msg_type": "text", "content": {"text": "x"}}, notify="ou_starter")
    at_acts = tuple((number, "deskbell", act) for number, act in enumerate(acts))
    return Announcement("a_1", spec, AnnouncementState.FINISHED, 0, {}, 0, 0, at_acts, 0, 0.0, None)


QUEUED = Progress(State.QUEUED, 0)
PAUSE = "pause at first_n"


@pytest.mark.parametrize(
    ("acts", "notices", "is_wrong"),
    [
        ((PAUSE, "resume"), (("first_n", 1), ("finished", 2)), False),
        ((PAUSE, "resume"), (("finished", 2),), True),
        ((PAUSE, "resume"), (("first_n", 1), ("finished", 2), ("finished", 3)), True),
        (("pause", "resume"), (("finished", 2),), False),
        (("approve", "start"), (("approved", 1), ("finished", 2)), False),
        (("approve", "start"), (("finished", 2),), True),
    ],
)
def test_who_started_an_announcement_is_told_once_of_each(
    acts: tuple[str, ...], notices: tuple[tuple[str, int], ...], is_wrong: bool
) -> None:
    found = list(told_wrongly([ended(*acts)], [notice(*each) for each in notices]))
    assert bool(found) is is_wrong
