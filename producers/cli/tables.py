"""Rich's tables and progress bars, on stderr and only on a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

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
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None, on: Console | None = None
) -> None:
    """Cells may be anything; None and the empty string are shown as a dash. Ids and states are never cut."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0 or column == "state", overflow="fold")
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
    title: str | None = None,
) -> None:
    """The value as JSON if that was asked for; else a table for a person. For a script these lines, or else the rows,
    their cells divided by tabs."""
    if as_json:
        answer_json(value)
    elif is_interactive():
        show_table(columns, rows, title=title)
    else:
        for line in lines or map(_tab_separated, rows):
            answer_line(line)


def _tab_separated(row: Sequence[Any]) -> str:
    return "\t".join("" if cell is None else printable(str(cell)) for cell in row)


def in_colour(state: str) -> Text:
    return Text(state, style=_COLOURS.get(state, ""))


def spoken(seconds: float) -> str:
    """A length of time in its two largest units: `35 s`, `1 h 40 min`, `6 d 22 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(whole / 3600)
    return f"{hours // 24} d {hours % 24} h"


@contextmanager
def progress(doing: str) -> Iterator[Status | None]:
    """A line that moves while the body runs; None where no terminal shows it."""
    console = screen()
    if not console.is_terminal:
        yield None
        return
    with console.status(Text(doing)) as status:
        yield status


def _cell(value: Any) -> str:
    return "–" if value is None or value == "" else printable(str(value))
