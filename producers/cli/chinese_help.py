"""`--help` in Chinese: the texts of the catalogue, in columns of the width that they take on a screen."""

from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer._click import HelpFormatter

from producers.cli.columns import wrapped
from producers.cli.language import catalogue

__all__ = ["offer_in_chinese", "paragraphs", "speak_chinese"]

#: Before what Typer adds behind the help of an option: `  [default: chat; required]`.
_EXTRA = "  ["
#: Before a command that stands alone at the end.
_EXAMPLE = "Example: "
#: Click's sign before lines that stay as they are.
_AS_IT_IS = "\b"
#: Characters of a help, all of it.
_WHOLE = 10_000


def speak_chinese(command: Any) -> None:
    """Has the command and all below it show its help in Chinese."""
    command.context_class = _Context
    for each in getattr(command, "commands", {}).values():
        speak_chinese(each)


def offer_in_chinese(command: Any) -> None:
    """Has what a shell shows beside the offers of a completion be Chinese, too."""
    command.short_help = _said(command.get_short_help_str(limit=_WHOLE))
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = _said(parameter.help)
    for each in getattr(command, "commands", {}).values():
        offer_in_chinese(each)


def paragraphs(text: str) -> Iterator[tuple[bool, list[str]]]:
    """Of a help text: whether its lines stay as they are, and the lines, or else one."""
    for paragraph in text.strip("\n").split("\n\n"):
        first, *rest = paragraph.splitlines()
        is_fixed = first.strip() == _AS_IT_IS
        yield is_fixed, rest if is_fixed else [" ".join(paragraph.split())]


class _Formatter(HelpFormatter):
    def write_usage(self, prog: str, args: str = "", prefix: str | None = "用法：") -> None:
        told = " ".join(catalogue("help").get(part, part) for part in args.split(" "))
        super().write_usage(prog, told, prefix)

    def write_heading(self, heading: str) -> None:
        self.write(f"{'':>{self.current_indent}}{_said(heading)}：\n")

    def write_text(self, text: str) -> None:
        super().write_text("\n\n".join(self._fixed(*each, self.width) for each in paragraphs(text)))

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        first = min(max(len(name) for name, _ in rows), col_max) + col_spacing
        columns = max(self.width - first - 2, 10)
        told = [(name, self._fixed(False, [_of_option(text)], columns) if text else "") for name, text in rows]
        super().write_dl(told, col_max, col_spacing)

    def _fixed(self, is_fixed: bool, lines: Sequence[str], columns: int) -> str:
        """As a paragraph that Click does not wrap: it would count characters."""
        told = [_said(line) for line in lines]
        if not is_fixed:
            told = [part for line in told for part in wrapped(line, columns - self.current_indent)]
        return "\n".join([_AS_IT_IS, *told])


class _Context(typer.Context):
    formatter_class = _Formatter


def _said(text: str) -> str:
    if text.startswith(_EXAMPLE):
        command = text.removeprefix(_EXAMPLE)
        return f"{_said(_EXAMPLE.strip())}{_said(command)}"
    return catalogue("help").get(text, text)


def _of_option(text: str) -> str:
    told, mark, extra = text.rpartition(_EXTRA)
    if not mark:
        return _said(text)
    return f"{_said(told)}{mark}{'；'.join(map(_of_extra, extra.removesuffix(']').split('; ')))}]"


def _of_extra(part: str) -> str:
    name, colon, value = part.partition(": ")
    return f"{_said(name)}{'：' if colon else ''}{value}"
