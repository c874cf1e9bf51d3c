"""`deskbell probe`: one live test of a tenant."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated

import typer

from feishu.client import FeishuClient
from feishu.inquiry import Inquiry
from feishu.token import NoStore
from ledger.audit_log import record_action
from ledger.delivery_options import DEFAULT_DESK, UserIdType
from ledger.errors import BadInput
from ledger.ledger import Ledger
from ledger.phrases import Phrase
from ledger.settings import Desk
from ledger.ticket_codes import forget_ticket_codes, learn_ticket_code, learnt_ticket_codes
from producers.cli.access import open_ledger
from producers.cli.options import DeskName
from producers.cli.output import ExitCode, answer, answer_json, confirmed, note
from producers.cli.tables import progress
from producers.machine_user import machine_user
from producers.probe.probe import Probe
from producers.probe.report import Report

__all__ = ["register"]

#: How long each message may take until it is sent, seconds.
WAIT_SECONDS = 60.0
_EXAMPLES = """\b
Examples:
  deskbell probe --to ada@corp.example
  deskbell probe --to ada@corp.example --open-ticket
  deskbell probe --to ou_ada --open-ticket --human --yes --json > probe.json
  deskbell probe --forget-codes --desk hr"""


def register(app: typer.Typer) -> None:
    app.command("probe", epilog=_EXAMPLES)(probe)


Who = Annotated[str | None, typer.Option("--to", metavar="WHO", help="An id, an e-mail address, or +mobile.")]
OpenTicket = Annotated[
    bool, typer.Option("--open-ticket", help="Also open a ticket for that person, and send beside it.")
]
Human = Annotated[bool, typer.Option("--human", help="With --open-ticket: ask for an agent, who is told of it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: open the ticket, and keep the code learnt.")]
IdType = Annotated[UserIdType | None, typer.Option(help="The type of the id. Default: what it begins like.")]
Wait = Annotated[float, typer.Option(metavar="SECONDS", min=1, help="How long each message may wait to be sent.")]
ForgetCodes = Annotated[
    bool, typer.Option("--forget-codes", help="Instead forget the ticket codes that probes wrote to the desk.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print {deskbell, feishu, steps, answers, close_by_hand, learnt}.")
]


def probe(
    to: Who = None,
    open_ticket: OpenTicket = False,
    human: Human = False,
    yes: Yes = False,
    desk: DeskName = None,
    user_id_type: IdType = None,
    wait: Wait = WAIT_SECONDS,
    forget_codes: ForgetCodes = False,
    as_json: AsJson = False,
) -> int:
    """Test a tenant with one person: what does Feishu answer that no document says?

    Sends that person one message by `user` and one by `chat`, and asks who has read them. With --open-ticket it opens a
    ticket, sends again, and offers to write the code of an open ticket to the desk, where all workers honour it. The
    report holds no ids and no secrets: post it where it helps others.
    """
    with open_ledger() as ledger:
        known = ledger.settings.desk(desk or DEFAULT_DESK)
        ledger = ledger.at(known.name)
        if forget_codes:
            return _forget(ledger, known, as_json)
        _check_asked(to, open_ticket, human, yes)
        with _probe(ledger, known, to or "", user_id_type, wait) as running:
            report = _run(running, open_ticket=open_ticket, human=human, yes=yes)
        learnt = _learnt(ledger, known, report, yes=yes)
    _tell(report, learnt, as_json)
    return ExitCode.DONE if _went_as_it_should(report) else ExitCode.NOT_DELIVERED


def _check_asked(to: str | None, open_ticket: bool, human: bool, yes: bool) -> None:
    if not to:
        raise BadInput("to", Phrase("give one person: an id, an e-mail address or a mobile number"))
    if human and not open_ticket:
        raise BadInput("--human", Phrase("give --open-ticket too"))
    if open_ticket and not yes and not sys.stdin.isatty():
        raise BadInput(
            "--open-ticket", Phrase("nobody can be asked here, and no call can close the ticket: give --yes too")
        )


@contextmanager
def _probe(ledger: Ledger, desk: Desk, to: str, user_id_type: UserIdType | None, wait: float) -> Iterator[Probe]:
    with closing(FeishuClient.of(desk, ledger.settings, NoStore())) as feishu:
        with progress(Phrase("asking Feishu for the person")):
            [person] = Inquiry(ledger.redis, ledger.keys, desk, feishu).about([to], user_id_type)
        if person.open_id is None or person.reason:
            raise BadInput("to", Phrase("{said}: take somebody who can be sent to", said=person.said))
        record_action(ledger, machine_user(), "probe", desk.name)
        private = (to, desk.app_id, desk.helpdesk_id)
        yield Probe(ledger, desk, feishu, person.open_id, machine_user(), wait, private)


def _run(running: Probe, *, open_ticket: bool, human: bool, yes: bool) -> Report:
    with _told(running, Phrase("sending two messages")):
        report = running.run()
    if open_ticket and (yes or _is_wanted(human)):
        with _told(running, Phrase("opening a ticket")):
            running.open_ticket(with_agent=human)
    return report


@contextmanager
def _told(running: Probe, doing: Phrase) -> Iterator[None]:
    with progress(doing) as update:
        running.tell = (
            (lambda step: update(Phrase("{name}: {value}", name=step.name, value=step.result)))
            if update
            else lambda _: None
        )
        yield


def _is_wanted(human: bool) -> bool:
    whom = Phrase("an agent is asked to take it") if human else Phrase("its bot has it")
    return confirmed(
        Phrase("Open a ticket for that person at the helpdesk ({whom})? Only a person can close it.", whom=whom)
    )


def _learnt(ledger: Ledger, desk: Desk, report: Report, *, yes: bool) -> list[int]:
    """Writes the code to the desk, if it is new there and wanted."""
    code = report.ticket_code
    known = desk.ticket_codes | learnt_ticket_codes(ledger.redis, ledger.keys, desk.name)
    if code is None or code in known:
        return []
    question = Phrase("Keep {code} with desk {desk} as a code that means an open ticket?", code=code, desk=desk.name)
    if not yes and not (sys.stdin.isatty() and confirmed(question, default=True)):
        note(
            Phrase(
                "code {code} means an open ticket; to use it, set DESKBELL_TICKET_CODES={code}, or probe with --yes",
                code=code,
            )
        )
        return []
    learn_ticket_code(ledger, desk.name, code, machine_user())
    return [code]


def _tell(report: Report, learnt: list[int], as_json: bool) -> None:
    if as_json:
        answer_json({**report.as_json(), "learnt": learnt})
    else:
        for line in report.lines():
            answer(line)
        if learnt:
            answer(Phrase("Written to the desk: code {code} means an open ticket", code=learnt[0]))
    if report.as_json()["close_by_hand"]:
        note(Phrase("the ticket stays open until that person, or an agent in the helpdesk, ends the conversation"))


def _forget(ledger: Ledger, desk: Desk, as_json: bool) -> int:
    forgotten = forget_ticket_codes(ledger, desk.name, machine_user())
    if as_json:
        answer_json({"desk": desk.name, "forgotten": forgotten})
    else:
        note(Phrase("the ticket codes were forgotten") if forgotten else Phrase("there were no ticket codes"))
    return ExitCode.DONE


def _went_as_it_should(report: Report) -> bool:
    """Both messages went, or `chat` was stopped by a ticket that was there before."""
    answers = report.answers
    return answers["user_delivers"] is True and (answers["chat_delivers"] is True or report.had_ticket is True)
