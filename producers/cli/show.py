"""`deskbell show`: the record of a notification or an announcement, without the message, or a desk."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from typing import Annotated, Any

import typer

from ledger.desk_facts import desk_facts
from ledger.ids import is_announcement
from ledger.ledger import Ledger
from ledger.phrases import Phrase, as_phrase, listed
from producers.announcements.drafts import Drafts
from producers.cli.access import open_ledger
from producers.cli.completion import ids
from producers.cli.desks import spoken_facts
from producers.cli.language import action, translated, word
from producers.cli.output import answer, answer_json, is_interactive
from producers.cli.spoken_times import short, state_and_time, told
from producers.cli.tables import in_colour, show_table

__all__ = ["register"]

#: Fields that a draft does not have yet.
_OF_STARTED = frozenset({"counts", "rerouted", "rate"})
_TIMES = frozenset({"created_at", "due_at", "expires_at", "finished_at", "edited_at", "approved_at"})
_ATTEMPT_COLUMNS = ("at", "via", "outcome", "code", "http_status", "ms", "log_id", "msg")


def register(app: typer.Typer) -> None:
    app.command("show", epilog="Example:  deskbell show n_06hzb2k1c9f3q8rd --json")(show)


def show(
    id: Annotated[
        str,
        typer.Argument(metavar="ID", help="A notification, n_…, an announcement, a_…, or a desk.", autocompletion=ids),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show everything about a notification, an announcement or a desk, except the message itself.

    A notification: its state, attempts and operator actions. An announcement: the number of rows in each state, its
    rate, the time left, operator actions. A desk: as in `deskbell desks`.
    """
    with open_ledger(is_screen=True) as ledger:
        desk = ledger.settings.all_desks.get(id)
        record = desk_facts(ledger, desk) if desk else _found(ledger, id)
    if as_json:
        answer_json(record)
    elif desk:
        _answer_known(spoken_facts(record))
    else:
        _answer_known(_facts(record) | {"state": state_and_time(record, is_long=True)})
        _show_lists(record)


def _found(ledger: Ledger, id: str) -> Mapping[str, Any]:
    if not is_announcement(id):
        return ledger.get(id).as_json()
    fields = ledger.announcements.get(id).as_json()
    return {**fields, "url": Drafts(ledger).url(id)} if "draft" in fields else fields


def _facts(record: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: value for name, value in record.items() if name not in ("attempts", "acts", "error", "draft")}
    if "draft" in record:
        return {name: value for name, value in facts.items() if name not in _OF_STARTED} | _draft_facts(record["draft"])
    if "counts" in record:
        counts = [Phrase("{n} {state}", n=count, state=state) for state, count in record["counts"].items()]
        return facts | {"counts": listed(counts)}
    if "person" in record:
        facts["person"] = ", ".join(f"{name}: {value}" for name, value in record["person"].items()) or None
    error = record["error"]
    # An attempt without an answer has neither code nor text: its outcome is in the table below.
    return facts | {"error": _spoken_error([part for part in error.values() if part is not None]) if error else None}


def _spoken_error(parts: Sequence[int | str]) -> Phrase | None:
    """Its code, its text and its reason, as far as they are known."""
    told = [as_phrase(part) for part in parts]
    return reduce(lambda before, part: Phrase("{before} {part}", before=before, part=part), told) if told else None


def _draft_facts(draft: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: value for name, value in draft.items() if not name.endswith("_name")}
    facts |= {name: draft[f"{name}_name"] for name in ("author", "approver")}
    facts["tests"] = ", ".join(draft["tests"]) or None
    if rejected := draft["rejected"]:
        facts["rejected"] = Phrase("version {version} by {by} at {at}: {why}", **rejected)
    return facts


def _show_lists(record: Mapping[str, Any]) -> None:
    if not is_interactive():
        _answer_lists(record)
        return
    if record.get("attempts"):
        rows = [_attempt_cells(attempt) for attempt in record["attempts"]]
        show_table(_ATTEMPT_COLUMNS, rows, title=Phrase("Attempts"))
    if record["acts"]:
        acts = [(short(act["at"]), act["by"], action(act["did"])) for act in record["acts"]]
        show_table(("at", "by", "did"), acts, title=Phrase("Operator actions"))


def _attempt_cells(attempt: Mapping[str, Any]) -> list[Any]:
    cells = {**attempt, "at": short(attempt["at"]), "outcome": in_colour(attempt["outcome"])}
    return [cells[name] for name in _ATTEMPT_COLUMNS]


def _answer_lists(record: Mapping[str, Any]) -> None:
    """An attempt or act a line, what is not known left out."""
    for kind in ("attempt", "act"):
        for item in record.get(f"{kind}s", ()):
            known = {name: value for name, value in item.items() if value is not None}
            answer(f"{kind}: " + " ".join(f"{name}={translated(value)}" for name, value in known.items()))


def _spoken(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return Phrase("yes") if value else Phrase("no")
    moment = told(datetime.fromisoformat(value).astimezone()) if name in _TIMES else value
    return moment if isinstance(moment, str) else str(moment)


def _answer_known(facts: Mapping[str, Any]) -> None:
    """For a person with the names in their language, and times that need no reckoning."""
    for name, value in facts.items():
        if value is None:
            continue
        if is_interactive():
            answer(Phrase("{name}: {value}", name=word(name), value=_spoken(name, value)))
        else:
            answer(f"{name}: {translated(value) if isinstance(value, str) else value}")
