"""The caller's side of a lookup, against small processes that answer well, badly, or not at all."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import BadInput, DeskbellError, LedgerUnreachable
from producers.announcements import lookup as module
from producers.announcements.addressing import Contact, Unresolved
from producers.announcements.check import Resolver
from producers.announcements.lookup import Lookup, OpenTickets

ANN, BOB, PHONE = Contact("email", "ann@x.cn"), Contact("email", "bob@x.cn"), Contact("mobile", "+8613812345678")

#: Knows everybody but Bob, by what stands before the @; writes down each line that it is asked, behind its own name.
ANSWERS = """
import json, os, sys
for line in sys.stdin:
    open("asked", "a").write(f"{os.getpid()} {line}")
    contacts = [contact.get("email") or contact["mobile"] for contact in json.loads(line)]
    names = [contact.partition("@")[0] for contact in contacts]
    answers = [{"problem": "gone"} if name == "bob" else {"open_id": f"ou_{name}"} for name in names]
    print(json.dumps(answers), flush=True)
"""


def lookup_of(program: str) -> Lookup:
    """A lookup whose process runs this program; its arguments are those of the real one."""
    return Lookup("hr", command=(sys.executable, "-c", program))


def asked() -> list[tuple[str, list[dict[str, str]]]]:
    lines = [line.partition(" ") for line in Path("asked").read_text().splitlines()]
    return [(process, json.loads(question)) for process, _, question in lines]


@pytest.fixture
def lookup() -> Iterator[Lookup]:
    with lookup_of(ANSWERS) as made:
        yield made


def test_the_people_come_in_the_order_of_the_contacts(lookup: Lookup) -> None:
    assert lookup.people([BOB, ANN, PHONE]) == [Unresolved("gone"), "ou_ann", "ou_+8613812345678"]


def test_the_people_come_by_contact_for_a_check(lookup: Lookup) -> None:
    resolver: Resolver = lookup.resolve
    assert resolver([ANN, BOB, ANN]) == {ANN: "ou_ann", BOB: Unresolved("gone")}


def test_one_process_answers_many_questions(lookup: Lookup) -> None:
    for _ in range(3):
        lookup.people([ANN])
    assert len(asked()) == 3
    assert len({process for process, _ in asked()}) == 1


def test_more_contacts_than_a_line_may_hold_are_asked_in_parts(lookup: Lookup) -> None:
    contacts = [Contact("email", f"p{number}@x.cn") for number in range(101)]
    assert lookup.people(contacts) == [f"ou_p{number}" for number in range(101)]
    assert [len(question) for _, question in asked()] == [50, 50, 1]


def test_nobody_is_asked_about_nobody(lookup: Lookup) -> None:
    assert lookup.people([]) == []
    assert not Path("asked").exists()


def test_a_closed_lookup_starts_afresh(lookup: Lookup) -> None:
    lookup.people([ANN])
    lookup.close()
    lookup.close()
    assert lookup.people([ANN]) == ["ou_ann"]
    assert len({process for process, _ in asked()}) == 2


@pytest.mark.parametrize(
    ("code", "said", "kind", "text"),
    [
        (1, "feishu.lookup: The app secret is wrong.", DeskbellError, "The app secret is wrong."),
        (1, "a warning\nfeishu.lookup: no.", DeskbellError, "no."),
        (1, "", DeskbellError, "the lookup ended with 1 and said nothing"),
        (2, "feishu.lookup: desk hr: not set: app_id", BadInput, "desk hr: not set: app_id"),
        (3, "feishu.lookup: Redis is not reached", LedgerUnreachable, "Redis is not reached"),
    ],
)
@pytest.mark.parametrize("first", ["", "sys.stdin.readline();"])
def test_a_process_that_ends_is_told_by_its_last_line(
    code: int, said: str, kind: type[DeskbellError], text: str, first: str
) -> None:
    program = f"import sys; {first} sys.stderr.write({said!r}); sys.exit({code})"
    with lookup_of(program) as lookup:
        for ask in (lambda: lookup.people([ANN]), lookup.open_tickets):
            with pytest.raises(DeskbellError) as told:
                ask()
            assert (type(told.value), str(told.value)) == (kind, text)


@pytest.mark.parametrize("answer", ["nonsense", "{}", "[]", "[1]", '[{"open_id": ""}]', '[{"open_id": "ou_1"}, {}]'])
def test_an_unreadable_answer_is_an_error_and_ends_the_process(answer: str) -> None:
    program = f"import sys\nfor line in sys.stdin: print({answer!r}, flush=True)"
    with lookup_of(program) as lookup:
        with pytest.raises(DeskbellError, match="cannot be read"):
            lookup.people([ANN])
        assert lookup._process is None


def test_an_interrupted_question_never_answers_the_next_one(lookup: Lookup, monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._Process.answer_to
    with monkeypatch.context() as patch:

        def interrupted(process: module._Process, question: object) -> bytes:
            real(process, question)
            raise KeyboardInterrupt

        patch.setattr(module._Process, "answer_to", interrupted)
        with pytest.raises(KeyboardInterrupt):
            lookup.people([BOB])
    assert lookup.people([ANN]) == ["ou_ann"]


def test_a_process_that_talks_a_lot_on_stderr_still_answers() -> None:
    program = "import sys; sys.stderr.write('x' * 300_000)\n" + ANSWERS
    with lookup_of(program) as lookup:
        assert lookup.people([ANN]) == ["ou_ann"]


def test_a_process_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_END_SECONDS", 0.1)
    program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + ANSWERS + "\nsignal.pause()"
    with lookup_of(program) as lookup:
        lookup.people([ANN])


def test_the_open_tickets_say_whether_they_are_all() -> None:
    told = json.dumps({"open_ids": ["ou_1", "ou_2"], "complete": False})
    program = f"import sys; print({told!r}) if sys.argv[1:] == ['tickets', '--desk', 'hr'] else sys.exit('?')"
    with lookup_of(program) as lookup:
        assert lookup.open_tickets() == {"ou_1", "ou_2"}
        assert lookup.tickets() == OpenTickets(frozenset({"ou_1", "ou_2"}), complete=False)


def test_a_list_of_tickets_that_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICKETS_SECONDS", 0.2)
    with lookup_of("import signal; signal.pause()") as lookup, pytest.raises(DeskbellError, match=r"within 0\.2 s"):
        lookup.open_tickets()
