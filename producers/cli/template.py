"""`deskbell template save`, `list`, `show` and `delete`: the saved templates of a desk."""

from pathlib import Path
from typing import Annotated

import orjson
import typer

from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput
from ledger.messages.markdown_card import card_of_markdown
from ledger.messages.message_file import MessageTemplate, read_markdown_file, read_message_template
from ledger.phrases import Phrase
from ledger.saved_template import SavedTemplate
from ledger.saved_templates import SavedTemplates, Saving
from ledger.times import iso
from producers.cli.access import open_ledger
from producers.cli.options import DeskName, markdown_with_pictures
from producers.cli.output import answer, answer_json, note
from producers.cli.spoken_times import ago
from producers.cli.tables import show_list
from producers.machine_user import machine_user

__all__ = ["register"]

_EXAMPLES = """\b
Examples:
  deskbell template save office-move office-move.md
  deskbell template list --json
  deskbell announce people.csv --template office-move
  deskbell send --to ou_ada --template disk --var host=db-3"""
_LIST_EXAMPLE = "Example:  deskbell template list --desk hr --json"
_SHOW_EXAMPLE = "Example:  deskbell template show office-move@3"
_DELETE_EXAMPLE = "Example:  deskbell template delete office-move"
_MARKDOWN, _TEXT = (".md", ".markdown"), (".txt", ".text")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the template.")]
File = Annotated[
    Path, typer.Argument(metavar="FILE", help="Markdown (.md), a text (.txt), or a message file (.json, .yaml).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Save messages with variables, and send them by their names.", epilog=_EXAMPLES, rich_markup_mode=None
    )
    group.command("save", epilog="Example:  deskbell template save office-move office-move.md")(save)
    group.command("list", short_help="List the templates of a desk.", epilog=_LIST_EXAMPLE)(list_templates)
    group.command("show", short_help="Show a template as it was saved.", epilog=_SHOW_EXAMPLE)(show)
    group.command("delete", short_help="Delete a template.", epilog=_DELETE_EXAMPLE)(delete)
    app.add_typer(group, name="template")


def save(name: Name, file: File, desk: DeskName = None, as_json: AsJson = False) -> None:
    """Save a version of a template. Callers get it with their next message, unless they name a version.

    It says so when it no longer uses a variable that callers send: they are refused until they leave it out.
    """
    markdown = markdown_with_pictures(file, desk) if file.suffix.lower() in _MARKDOWN else None
    message = (
        MessageTemplate(card_of_markdown(markdown, has_variables=True)) if markdown is not None else _message_of(file)
    )
    if message.image:
        raise BadInput("message", Phrase("a template has no local image: name the image_key of one that was uploaded"))
    with open_ledger() as ledger:
        saved = SavedTemplates(ledger).save(desk or DEFAULT_DESK, name, message.raw, markdown, machine_user())
    if as_json:
        answer_json(saved.as_json())
        return
    answer(f"{saved.name}@{saved.version}")
    _tell(saved)


def list_templates(desk: DeskName = None, as_json: AsJson = False) -> None:
    """List the templates of a desk, with their latest versions and variables."""
    with open_ledger(is_screen=True) as ledger:
        found = SavedTemplates(ledger).list(desk or DEFAULT_DESK)
    told = [each.as_json(with_message=False) for each in found]
    rows = [(each.name, each.version, ", ".join(each.variables), ago(each.at_ms), each.by) for each in found]
    show_list(as_json, told, ("name", "version", "variables", "saved", "by"), rows)


def show(
    name: Annotated[str, typer.Argument(metavar="NAME[@N]", help="The latest version, or this one.")],
    desk: DeskName = None,
    as_json: AsJson = False,
) -> None:
    """Show the message of a template, as it was saved, and its variables."""
    with open_ledger(is_screen=True) as ledger:
        templates = SavedTemplates(ledger)
        found = templates.find(desk or DEFAULT_DESK, name)
        versions = templates.versions(desk or DEFAULT_DESK, found.name)
    if as_json:
        answer_json(found.as_json(with_message=True) | {"versions": [*versions]})
        return
    about = {"template": str(found), "at": iso(found.at_ms), "by": found.by}
    note(Phrase("{template} of {versions}, saved {at} by {by}", **about, versions=len(versions)))
    note(Phrase("variables: {names}", names=", ".join(found.variables)) if found.variables else Phrase("no variables"))
    for line in _written(found).split("\n"):
        answer(line)


def delete(name: Name, desk: DeskName = None, as_json: AsJson = False) -> None:
    """Delete a template with all its versions. What was accepted with it is not changed."""
    with open_ledger() as ledger:
        SavedTemplates(ledger).delete(desk or DEFAULT_DESK, name, machine_user())
    if as_json:
        answer_json({"name": name})
    else:
        answer(name)


def _message_of(file: Path) -> MessageTemplate:
    if file.suffix.lower() in _TEXT:
        return MessageTemplate(
            {"msg_type": "text", "content": {"text": read_markdown_file(file, where="text").rstrip("\n")}}
        )
    return read_message_template(file)


def _tell(saved: Saving) -> None:
    if not saved.is_new:
        note(Phrase("it has the same message as before, so there is no new version"))
    for name, ms in saved.dropped.items():
        about = {"template": f"{saved.name}@{saved.version}", "name": name, "at": iso(ms)}
        note(
            Phrase(
                "{template} does not use {name}, which callers sent until {at}: they are refused unless they leave it"
                " out, or name an older version",
                **about,
            )
        )


def _written(found: SavedTemplate) -> str:
    """As people write it."""
    if found.markdown is not None:
        return found.markdown
    match found.message:
        case {"msg_type": "text", "content": {"text": str(text)}}:
            return text
    return orjson.dumps(found.message, option=orjson.OPT_INDENT_2).decode()
