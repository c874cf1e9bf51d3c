"""`deskbell submit`, `approve`, `reject`, `start`, `discard`, `again` and `correct`: what people do with drafts."""

import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from ledger.announcement import Announcement
from ledger.errors import BadInput
from ledger.messages.message_file import read_message_template
from ledger.phrases import Phrase
from producers.announcements.drafts import Drafts
from producers.cli.access import open_ledger
from producers.cli.completion import announcement_ids
from producers.cli.language import word
from producers.cli.options import BODIES, MarkdownPath, MarkdownText, MessagePath, TemplateName, body_of
from producers.cli.output import ExitCode, answer, answer_json, confirmed, note
from producers.cli.tables import progress
from producers.machine_user import machine_person

__all__ = ["answer_draft", "register"]

_EXAMPLE = "a_06hzb2k1c9f3q8rd"
_START_EXAMPLES = f"""\b
Examples:
  deskbell start {_EXAMPLE}
  deskbell start {_EXAMPLE} --reason "the building is closed\""""
_AGAIN_EXAMPLES = f"""\b
Examples:
  deskbell again {_EXAMPLE}
  deskbell again {_EXAMPLE} --rest --text "Dear {{{{ name }}}}, once more\""""
_CORRECT_EXAMPLES = f"""\b
Examples:
  deskbell correct {_EXAMPLE} --text "Dear {{{{ name }}}}, on Monday"
  deskbell correct {_EXAMPLE} --yes --json"""

Id = Annotated[str, typer.Argument(metavar="ID", help="A draft, a_…")]
OfAnnouncement = Annotated[
    str, typer.Argument(metavar="ID", help="An announcement, a_…", autocompletion=announcement_ids)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print {id, state}.")]
DraftAsJson = Annotated[bool, typer.Option("--json", help="Print {id, state, url}.")]
Text = Annotated[str | None, typer.Option(metavar="T", help="With this text; {{ name }} is a column.")]
Name = Annotated[str | None, typer.Option(metavar="N", help="With this name.")]


def register(app: typer.Typer) -> None:
    app.command("submit", epilog=f"Example:  deskbell submit {_EXAMPLE}")(submit)
    app.command("approve", epilog=f"Example:  deskbell approve {_EXAMPLE} --fingerprint 5d0a…")(approve)
    app.command("reject", epilog=f'Example:  deskbell reject {_EXAMPLE} --why "the date is wrong"')(reject)
    app.command("start", epilog=_START_EXAMPLES)(start)
    app.command("discard", epilog=f"Example:  deskbell discard {_EXAMPLE}")(discard)
    app.command("again", epilog=_AGAIN_EXAMPLES)(again)
    app.command("correct", epilog=_CORRECT_EXAMPLES)(correct)


def submit(id: Id, as_json: AsJson = False) -> None:
    """Ask somebody else to approve a draft."""
    _act(id, as_json, lambda drafts: drafts.submit(id, machine_person()))


def approve(
    id: Id,
    fingerprint: Annotated[
        str | None,
        typer.Option(metavar="F", help="Only if it is what you have seen: `show` prints it. Default: as it is now."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Approve a draft that was submitted. Nobody can approve what they wrote in."""

    def act(drafts: Drafts) -> Announcement:
        found = drafts.get(id, "approve").draft
        return drafts.approve(id, fingerprint or (found.fingerprint if found else ""), machine_person())

    _act(id, as_json, act)


def reject(
    id: Id,
    why: Annotated[str, typer.Option(metavar="WHY", help="The reason, for its author.")],
    as_json: AsJson = False,
) -> None:
    """Reject a draft that was submitted or approved: it can be edited and submitted again."""
    _act(id, as_json, lambda drafts: drafts.reject(id, why, machine_person()))


def start(
    id: Id,
    reason: Annotated[
        str | None,
        typer.Option(metavar="WHY", help="Start it without the approval that it needs; the reason goes on record."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start a draft: all its rows are accepted. More rows than DESKBELL_APPROVAL_ABOVE must be approved first."""
    _act(id, as_json, lambda drafts: drafts.start(id, machine_person(), reason))


def discard(id: Id, as_json: AsJson = False) -> None:
    """Delete a draft with its rows."""
    with open_ledger() as ledger:
        Drafts(ledger).discard(id, machine_person())
    _answer(id, {"id": id, "state": "discarded"}, as_json)


def again(
    id: OfAnnouncement,
    rest: Annotated[
        bool, typer.Option("--rest", help="Only for those who did not get it: failed, expired, cancelled.")
    ] = False,
    text: Text = None,
    message: MessagePath = None,
    markdown: MarkdownPath = None,
    markdown_text: MarkdownText = None,
    template: TemplateName = None,
    name: Name = None,
    as_json: DraftAsJson = False,
) -> None:
    """Make a draft of an announcement, with its text, options and receivers. The announcement stays as it is."""
    given = _given(locals())
    with open_ledger() as ledger:
        drafts = Drafts(ledger)
        answer_draft(drafts, drafts.again(id, machine_person(), given, rest_only=rest), as_json)


def correct(
    id: OfAnnouncement,
    text: Text = None,
    message: MessagePath = None,
    markdown: MarkdownPath = None,
    markdown_text: MarkdownText = None,
    template: TemplateName = None,
    name: Name = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Skip the confirmation, which only a terminal asks.")
    ] = False,
    as_json: DraftAsJson = False,
) -> int:
    """Stop an announcement, and make a draft with a corrected message for the receivers it was not sent to.

    The announcement is cancelled. Calls that are under way end first; people who get it from them are not in the draft.
    """
    given = _given(locals())
    with open_ledger() as ledger:
        announcement, drafts = ledger.announcements.get(id), Drafts(ledger)
        if not yes and not _confirmed(announcement):
            note(Phrase("nothing was changed"))
            return ExitCode.OTHER
        with progress(Phrase("waiting for the calls that are under way")):
            draft = drafts.correct(id, machine_person(), given)
        answer_draft(drafts, draft, as_json)
    return ExitCode.DONE


def answer_draft(drafts: Drafts, draft: Announcement, as_json: bool) -> None:
    url = drafts.url(draft.id)
    if as_json:
        answer_json({"id": draft.id, "state": draft.state, "url": url})
        return
    answer(draft.id)
    where = url or Phrase("see `deskbell show {id}`", id=draft.id)
    note(Phrase("{n:,} row: {where} | {n:,} rows: {where}", n=draft.total, where=where))


def _confirmed(announcement: Announcement) -> bool:
    if not sys.stderr.isatty():
        return True
    if not sys.stdin.isatty():
        raise BadInput("yes", Phrase("stdin is not a terminal, so nobody can be asked: add --yes"))
    asked = Phrase(
        "Stop it, and draft the rest ({n:,} row)? | Stop it, and draft the rest ({n:,} rows)?", n=announcement.left
    )
    return confirmed(asked)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """What is changed of the original, by the options of `again` and `correct`."""
    bodies = {name: options[name] for name in BODIES}
    has_body = any(value is not None for value in bodies.values())
    given = {**(body_of(bodies, read_message_template) if has_body else {}), "name": options["name"]}
    return {name: value for name, value in given.items() if value is not None}


def _act(id: str, as_json: bool, act: Callable[[Drafts], Announcement]) -> None:
    with open_ledger() as ledger:
        state = act(Drafts(ledger)).state
    _answer(id, {"id": id, "state": state}, as_json)


def _answer(id: str, done: Mapping[str, str], as_json: bool) -> None:
    if as_json:
        answer_json(done)
    else:
        answer(id)
        note(Phrase("{id} is {state}", id=id, state=word(done["state"])))
