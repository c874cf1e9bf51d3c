"""The language of the command line: English, or Chinese by a catalogue."""

import argparse
import sys
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NoReturn

__all__ = ["LANGUAGES", "parser_in", "said"]

LANGUAGES = ("en", "zh-CN")
#: In the catalogue, any text, which is looked up by itself, too.
_ANY = "{}"


def said(text: str, language: str) -> str:
    """A whole text in this language. What the catalogue does not have stands as it is."""
    if language == LANGUAGES[0]:
        return text
    for english, chinese in _catalogue().items():
        if (parts := _matched(english.split(_ANY), text)) is not None:
            return chinese.format(*(said(part, language) for part in parts))
    return text


@cache
def _catalogue() -> dict[str, str]:
    return tomllib.loads(files("sandbox").joinpath("zh-CN.toml").read_text("utf-8"))


def _matched(literals: Sequence[str], text: str) -> list[str] | None:
    """What stands between these texts, if the whole text consists of that."""
    first, *others = literals
    if not text.startswith(first):
        return None
    rest, parts = text[len(first) :], list[str]()
    for literal in others:
        part, found, rest = rest.partition(literal) if literal else (rest, _ANY, "")
        if not found:
            return None
        parts.append(part)
    return None if rest else parts


def parser_in(language: str, **options: Any) -> argparse.ArgumentParser:
    """A parser whose help and errors are in this language; its texts are given in English."""
    return argparse.ArgumentParser(**options) if language == LANGUAGES[0] else _ChineseParser(**options)


class _ChineseParser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options, formatter_class=_Formatter)

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {said(message, LANGUAGES[1])}\n")


class _Formatter(argparse.HelpFormatter):
    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, prefix or "用法：")

    def start_section(self, heading: str | None) -> None:
        super().start_section(f"{said(heading or '', LANGUAGES[1])}：")

    def format_help(self) -> str:
        return super().format_help().replace("：:\n", "：\n")

    def _get_help_string(self, action: argparse.Action) -> str:
        return said(action.help or "", LANGUAGES[1])

    def _split_lines(self, text: str, width: int) -> list[str]:
        return list(_wrapped(" ".join(text.split()), width))

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in _wrapped(said(text, LANGUAGES[1]), width - len(indent)))


def _wrapped(text: str, columns: int) -> Iterator[str]:
    """Lines of at most so many columns of a screen, of which a Chinese character takes two. Words stay whole."""
    line = ""
    for word in _words(text):
        if line and _columns(line + word.rstrip()) > columns:
            yield line.rstrip()
            line = ""
        line += word if line else word.lstrip()
    yield line.rstrip()


def _words(text: str) -> Iterator[str]:
    """What no line may break in: words, and Chinese characters with the marks behind them."""
    word = ""
    for before, character in zip(" " + text, text, strict=False):
        if word and _may_break(before, character):
            yield word
            word = ""
        word += character
    yield word


def _may_break(before: str, character: str) -> bool:
    wide = _columns(before) == 2 or _columns(character) == 2
    return before == " " or (wide and character not in "，。；：、）" and before != "（" and character != " ")


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
