"""`python -m feishu.lookup people|tickets [--desk D]`: asks Feishu on behalf of a producer.

people    reads lines from stdin, each a JSON list of at most 50 contacts, `{"email": "a@b.cn"}` or
          `{"mobile": "+8613…"}`, and answers each line, as it comes, with a JSON list in the same order of
          `{"open_id": "ou_…"}` or `{"problem": "…"}`
tickets   prints one JSON line, `{"open_ids": […], "complete": …}`: who has an open ticket. `complete` is false when
          Feishu did not show all of the list, or not whose the tickets are

The exit code is 0, or 1 with one line on stderr when Feishu does not answer or Redis refuses, 2 for wrong settings and
wrong input, 3 when Redis is not reached. No secret is printed.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import orjson
import redis

from feishu.client import FeishuClient, TicketPage
from feishu.codes import CodeTable
from feishu.errors import AskFailed
from feishu.people import Contact, People
from feishu.people_answer import CONTACTS_PER_CALL
from feishu.query_retry import QueryRetry
from feishu.token import RedisTokens
from feishu.verdict import Verdict
from ledger.connection import connect, reachable
from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput, DeskbellError, LedgerUnreachable
from ledger.redis_keys import RedisKeys
from ledger.settings import Desk, Settings

__all__ = ["main", "open_tickets", "read_contacts", "told"]

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Answers on stdout and gives the exit code."""
    parser = argparse.ArgumentParser(prog="feishu.lookup", description="Ask Feishu for people or for open tickets.")
    parser.add_argument("question", choices=("people", "tickets"))
    parser.add_argument("--desk", metavar="D", default=DEFAULT_DESK)
    given = parser.parse_args(arguments)
    try:
        for answer in _answers(given.question, given.desk):
            sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
            sys.stdout.buffer.flush()  # whoever asked waits for this line before asking on
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _leave_stdout()
        return 1
    except (DeskbellError, redis.RedisError) as error:
        sys.stderr.write(f"feishu.lookup: {told(error)}\n")
        return _exit_code(error)
    return 0


def _answers(question: str, desk_name: str) -> Iterator[Any]:
    settings = Settings.from_env()
    desk = settings.desk(desk_name)
    if desk.missing:
        raise BadInput(f"desk {desk.name}", f"not set: {', '.join(desk.missing)}")
    client = connect(settings)
    feishu = _feishu(desk, settings, client)
    with reachable(settings):
        if question == "tickets":
            yield open_tickets(feishu, QueryRetry())
            return
        people = People(client, RedisKeys(settings.prefix), desk, feishu)
        for number, line in enumerate(sys.stdin.buffer, 1):
            yield people.look_up(read_contacts(line, number))


def _feishu(desk: Desk, settings: Settings, client: redis.Redis) -> FeishuClient:
    connect_seconds, answer_seconds = settings.timeout
    return FeishuClient(
        desk,
        RedisTokens(client, settings.prefix),
        connect_seconds=connect_seconds,
        answer_seconds=answer_seconds,
        codes=CodeTable.load(settings.error_codes),
    )


def open_tickets(feishu: FeishuClient, retry: QueryRetry) -> dict[str, Any]:
    """All pages of the list. Tickets that open or close meanwhile may be missed: the list has no fixed view.

    Raises AskFailed.
    """
    pages = list(_pages(feishu, retry))
    guests = [ticket.guest_open_id for page in pages for ticket in page.tickets]
    open_ids = {guest for guest in guests if guest is not None}
    return {"open_ids": sorted(open_ids), "complete": None not in guests and not pages[-1].cut}


def _pages(feishu: FeishuClient, retry: QueryRetry) -> Iterator[TicketPage]:
    for number in count(1):
        page = retry(feishu.open_tickets, page=number)
        yield page
        if page.last:
            return


def read_contacts(line: bytes, number: int) -> list[Contact]:
    """The contacts of one line; `number` is its own, for the error. Raises BadInput."""
    try:
        contacts = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise BadInput(f"line {number}", "is no JSON") from None
    if not isinstance(contacts, list) or len(contacts) > CONTACTS_PER_CALL:
        raise BadInput(f"line {number}", f"must be a list of at most {CONTACTS_PER_CALL} contacts")
    return list(_contacts(contacts, number))


def _contacts(contacts: Iterable[Any], number: int) -> Iterator[Contact]:
    for place, contact in enumerate(contacts, 1):
        match contact:
            case {"email": str(email), **others} if email and not others:
                yield Contact("email", email)
            case {"mobile": str(mobile), **others} if mobile and not others:
                yield Contact("mobile", mobile)
            case _:
                raise BadInput(f"line {number}", f'contact {place} must be {{"email": "…"}} or {{"mobile": "…"}}')


def told(error: Exception) -> str:
    """The error as one line for a person."""
    if isinstance(error, AskFailed):
        return _told_by_feishu(error.verdict)
    line = " ".join(str(error).split())
    return f"Redis refused: {line}" if isinstance(error, redis.RedisError) else line


def _told_by_feishu(verdict: Verdict) -> str:
    """What it means and what helps, then Feishu's own words: code, text, and the log id that its support asks for."""
    evidence: Mapping[str, object] = {
        "HTTP": verdict.http_status,
        "code": verdict.code,
        "msg": verdict.msg,
        "log id": verdict.log_id,
    }
    said = [f"{name} {value}" for name, value in evidence.items() if value not in (None, "")]
    facts = ", ".join([f"asked for {verdict.call}", *filter(None, [verdict.ended]), *said])
    return " ".join(filter(None, [verdict.means, verdict.do, f"({facts})"]))


def _exit_code(error: Exception) -> int:
    """Those of the command line: its `exits` has them for the errors that a producer meets itself."""
    match error:
        case BadInput():
            return 2
        case LedgerUnreachable():
            return 3
    return 1


def _leave_stdout() -> None:
    """Whoever asked is gone. Python would flush stdout once more when it ends, and complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
