"""Rich's tables and progress bars, on stderr and only on a terminal."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ledger.phrases import Phrase
from producers.cli.language import translated, word
from producers.cli.output import answer_json, answer_line, is_interactive, printable

__all__ = ["in_colour", "progress", "screen", "show_list", "show_table", "spoken"]

_COLOURS = {
    "delivered": "green",
    "ok": "green",
    "failed": "red",
    "fail": "red",
    "unknown": "yellow",
    "warn": "yellow",
    "deferred": "yellow",
    "expired": "dim",
    "cancelled": "dim",
    "joined": "dim",
    "running": "green",
    "scheduled": "cyan",
    "paused": "yellow",
}


def screen() -> Console:
    """Rich on stderr. Without markup: brackets in a message are brackets."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def show_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: Phrase | None = None, on: Console | None = None
) -> None:
    """Cells may be anything; None and the empty string are shown as a dash. Ids and states are never cut."""
    table = Table(title=title and printable(title), title_justify="left", box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(word(column), no_wrap=number == 0 or column == "state", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else _cell(cell) for cell in row))
    (on or screen()).print(table)


def show_list(
    as_json: bool,
    value: object,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    lines: Iterable[str] = (),
    *,
    title: Phrase | None = None,
) -> None:
    """The value as JSON if that was asked for; else a table for a person. For a script these lines, or else the rows,
    their cells divided by tabs."""
    if as_json:
        answer_json(value)
    elif is_interactive():
        show_table(columns, rows, title=title)
    else:
        for line in lines or map(_tab_separated, rows):
            answer_line(translated(line))


def _tab_separated(row: Sequence[Any]) -> str:
    return "\t".join("" if cell is None else _printed(cell) for cell in row)


def in_colour(state: str) -> Text:
    return Text(word(state), style=_COLOURS.get(state, ""))


def spoken(seconds: float) -> Phrase:
    """A length of time in its two largest units: `35 s`, `1 h 40 min`, `6 d 22 h`."""
    whole = round(seconds)
    if whole < 60:
        return Phrase("{n} s", n=whole)
    minutes = round(whole / 60)
    if minutes < 60:
        return Phrase("{n} min", n=minutes)
    if minutes < 24 * 60:
        return Phrase("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)
    hours = round(whole / 3600)
    return Phrase("{days} d {hours} h", days=hours // 24, hours=hours % 24)


@contextmanager
def progress(doing: Phrase) -> Iterator[Callable[[Phrase], None] | None]:
    """A line that moves while the body runs, and what changes it; None where no terminal shows it."""
    console = screen()
    if not console.is_terminal:
        yield None
        return
    with console.status(Text(printable(doing))) as status:
        yield lambda doing: status.update(Text(printable(doing)))


def _cell(value: Any) -> str:
    return "–" if value is None or value == "" else _printed(value)


def _printed(value: Any) -> str:
    return printable(value if isinstance(value, str) else str(value))
