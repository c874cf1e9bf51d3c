"""`python -m feishu.lookup`: what it reads, which line it ends with, and the pages of the ticket list."""

import orjson
import pytest
import redis

from feishu import AskFailed, Kind, Ticket, TicketPage, Verdict
from feishu.lookup import main, open_tickets, read_contacts, told
from feishu.people import Contact
from feishu.query_retry import TRIES, QueryRetry
from ledger.errors import BadInput


class Pages:
    """A ticket list of these pages; the first calls fail as often as told."""

    def __init__(self, *pages: TicketPage, failures: int = 0) -> None:
        self._pages = pages
        self._failures = failures
        self.asked: list[int] = []

    def open_tickets(self, guest_open_id: str | None = None, page: int = 1) -> TicketPage:
        self.asked.append(page)
        if len(self.asked) <= self._failures:
            raise AskFailed(verdict(Kind.TRANSIENT))
        return self._pages[page - 1]


def page(*guests: str | None, last: bool = True, cut: bool = False) -> TicketPage:
    return TicketPage(tuple(Ticket(str(number), guest, 2) for number, guest in enumerate(guests)), last, cut)


def verdict(kind: Kind = Kind.DESK, **more: object) -> Verdict:
    return Verdict(**{"call": "people", "kind": kind, "started_at_ms": 0, "elapsed_ms": 1, **more})


def asking() -> QueryRetry:
    return QueryRetry(lambda seconds: None)


def test_the_open_tickets_are_those_of_all_pages() -> None:
    feishu = Pages(page("ou_2", "ou_1", last=False), page("ou_1", "ou_3"))
    assert open_tickets(feishu, asking()) == {"open_ids": ["ou_1", "ou_2", "ou_3"], "complete": True}
    assert feishu.asked == [1, 2]


@pytest.mark.parametrize("end", [page("ou_1", cut=True), page("ou_1", None)])
def test_a_list_that_was_cut_or_hides_a_guest_is_not_complete(end: TicketPage) -> None:
    assert open_tickets(Pages(end), asking()) == {"open_ids": ["ou_1"], "complete": False}


def test_no_tickets_are_a_complete_list() -> None:
    assert open_tickets(Pages(page()), asking()) == {"open_ids": [], "complete": True}


def test_a_page_that_fails_is_asked_for_again_but_not_for_ever() -> None:
    feishu = Pages(page("ou_1"), failures=TRIES - 1)
    assert open_tickets(feishu, asking())["open_ids"] == ["ou_1"]
    with pytest.raises(AskFailed):
        open_tickets(Pages(page("ou_1"), failures=TRIES), asking())


def test_a_line_is_a_list_of_contacts() -> None:
    line = b'[{"email": "a@x.cn"}, {"mobile": "+8613812345678"}]\n'
    assert read_contacts(line, 1) == [Contact("email", "a@x.cn"), Contact("mobile", "+8613812345678")]
    assert read_contacts(b"[]", 1) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"", "is no JSON"),
        (b"\xff", "is no JSON"),
        (b'{"email": "a@x.cn"}', "a list of at most 50 contacts"),
        (orjson.dumps([{"email": "a@x.cn"}] * 51), "a list of at most 50 contacts"),
        (b'[{"email": "a@x.cn"}, "b@x.cn"]', "contact 2 must be"),
        (b'[{"email": ""}]', "contact 1 must be"),
        (b'[{"email": "a@x.cn", "mobile": "1"}]', "contact 1 must be"),
        (b'[{"mobile": 13812345678}]', "contact 1 must be"),
        (b'[{"user_id": "u_1"}]', "contact 1 must be"),
    ],
)
def test_another_line_is_refused_by_its_number(line: bytes, problem: str) -> None:
    with pytest.raises(BadInput, match=problem) as told:
        read_contacts(line, 7)
    assert told.value.field == "line 7"


def test_what_feishu_said_is_told_on_one_line() -> None:
    refused = verdict(
        http_status=200, code=10015, msg="app secret invalid", log_id="20240911", means="It is wrong.", do="Mend it."
    )
    assert told(AskFailed(refused)) == (
        "It is wrong. Mend it. (asked for people, HTTP 200, code 10015, msg app secret invalid, log id 20240911)"
    )
    assert told(AskFailed(verdict(ended="connect refused"))) == "(asked for people, connect refused)"


def test_what_redis_said_is_told_on_one_line() -> None:
    assert told(redis.ResponseError("OOM command\nnot allowed")) == "Redis refused: OOM command not allowed"


def test_wrong_settings_end_with_2_and_name_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tickets"]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == (
        "",
        "feishu.lookup: desk default: not set: app_id, app_secret, helpdesk_id, helpdesk_token\n",
    )
    assert main(["people", "--desk", "hr"]) == 2
    assert "no desk is named 'hr'" in capsys.readouterr().err


def test_an_unreachable_redis_ends_with_3(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("APP_ID", "APP_SECRET", "HELPDESK_ID", "HELPDESK_TOKEN"):
        monkeypatch.setenv(f"DESKBELL_{name}", "x")
    monkeypatch.setenv("DESKBELL_REDIS_URL", "unix:///nowhere/valkey.sock")
    assert main(["tickets"]) == 3
    assert "is not reached" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["people", "tickets"])
def test_the_usage_names_both_questions(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert name in capsys.readouterr().out
