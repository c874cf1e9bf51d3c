"""The judge of what is English on a Chinese page, in a Chinese answer or on a Chinese command line.

English is a word that only sentences have (`the`, `is`, `must` …), or several plain words in a row. What stands as it
is in every language counts for nothing: code in backticks or in elements for code, and what is no plain word, such as
names with a capital within or an underline, variables, options, ids, paths and addresses. Nor do NAMES. What else may
be English, such as the text of a user or of Feishu, is named by the caller.
"""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser

__all__ = ["english_in", "english_on_page", "texts_of_page"]

#: Words that stand in sentences and in nothing else.
FUNCTION_WORDS = frozenset(
    str.split(
        "a an the this that these those it its they their there you your we our who whom which what when where why "
        "how is are was were be been being am has have had do does did can cannot could may might must shall "
        "should will would of to in on at by for from with without within into onto over under than as or and but "
        "nor not no if then else before after since until while because so only also too again already still yet "
        "never always please "
    )
)
#: This many plain words in a row are a phrase, though none of them is a function word.
IN_A_ROW = 3
#: Names that are written so in Chinese, too.
NAMES = frozenset(
    str.split(
        "Deskbell Feishu Lark Redis Valkey Excel Celery Webhook Webhooks Markdown Python Grafana Slack "
        "Alertmanager Docker Compose Kubernetes Sentinel Numbers OpenDocument Word Jinja Prometheus Push Center "
        "Verification Token Encrypt Key "
    )
)
#: Plain words in a row, with blanks between them.
_ROW = re.compile(r"[^\W\d_]+(?:['’][a-z]+)?(?:[ ]+[^\W\d_]+(?:['’][a-z]+)?)*", re.ASCII)
_CODE = re.compile(r"`[^`]*`|\{[^{}]*\}")
#: What is no word of a sentence: it holds a digit, or a mark that words do not have, or it is a variable or an option.
_TOKEN = re.compile(
    r"""
      \S*(?:://|@|\\|=)\S*                   # addresses, NAME=VALUE
    | --?[A-Za-z][\w-]*                      # options
    | [\w.~/-]*[/_\d…][\w./…-]*              # paths, names with an underline, ids
    | [A-Za-z]+(?:\.[A-Za-z]+)+              # files, fields of an object
    | \b[A-Z][A-Z-]+s?\b                     # HTTP, SIGTERM
    | \b[a-z]*[A-Z]+[a-z]+[A-Z]\w*\b         # camelCase
    | \b[A-Z][a-z]+(?:-[A-Z][a-z]+)+\b       # Content-Type
    | \b[a-z]+(?:-[a-z]+)+\b                 # feishu-bot
    """,
    re.VERBOSE | re.ASCII,
)


def english_in(text: str, allowed: Iterable[str] = ()) -> list[str]:
    """The runs of English words in it. `allowed` are texts that may stand in it whatever they are."""
    for part in sorted(allowed, key=len, reverse=True):
        text = text.replace(part, "·") if part else text
    text = _TOKEN.sub("·", _CODE.sub("·", text))
    return [row[0] for row in _ROW.finditer(text) if _is_english(row[0].split())]


def _is_english(row: list[str]) -> bool:
    words = [word for word in row if word not in NAMES]
    return any(word.lower() in FUNCTION_WORDS for word in words if len(row) > 1) or len(words) >= IN_A_ROW


def english_on_page(page: str, allowed: Iterable[str] = ()) -> list[str]:
    """The same of all that a page of HTML shows, or reads out."""
    return [found for text in texts_of_page(page) for found in english_in(text, allowed)]


def texts_of_page(page: str) -> Iterator[str]:
    """Of its elements, and of the attributes that are shown or read out. Without code, and what is in English by name
    (`lang="en"`)."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    yield from reader.texts


class _Reader(HTMLParser):
    _CODE = frozenset({"code", "pre", "kbd", "samp", "script", "style", "textarea"})
    _INLINE = frozenset({"a", "b", "i", "em", "strong", "small", "span", "time", "abbr", "mark"})
    _VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
    _SHOWN = ("title", "alt", "placeholder", "aria-label", "aria-description", "content", "label")

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden: list[str] = []  #: open elements, from the outermost whose text counts for nothing
        self._joins = False  #: whether the text goes on with the one before

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if not self._hidden:
            names = self._SHOWN if tag != "meta" else ()
            names += ("value",) if given.get("type") in ("submit", "button", "reset") else ()
            self.texts += [text for name in names if (text := given.get(name))]
        self._joins = self._joins and tag in self._INLINE
        if tag not in self._VOID and (self._hidden or tag in self._CODE or given.get("lang") == "en"):
            self._hidden.append(tag)
            self._joins = False

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            while self._hidden.pop() != tag:
                pass
        self._joins = self._joins and tag in self._INLINE

    def handle_data(self, data: str) -> None:
        if self._hidden or not data.strip():
            return
        if self._joins:
            self.texts[-1] += data
        else:
            self.texts.append(data)
        self._joins = True
