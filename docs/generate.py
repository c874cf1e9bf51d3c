"""Fills the tables of the reference pages, in each language, from the code, and writes llms.txt: `make docs`."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from console.i18n import language
from feishu.codes import CodeTable, Kind, Rule
from feishu.scopes import FEATURES, Feature
from ledger.settings import Desk, Settings
from ledger.settings_in_force import written

__all__ = ["PAGES", "configuration", "llms", "scopes", "troubleshooting", "write"]

HERE = Path(__file__).resolve().parent
CATALOGUE = HERE.parent / "console/catalogue"
_PAGE = re.compile(r"\b([\w-]+\.md)\b")
#: A row of the index: whom it is for, which an empty cell takes from the row above, the page, and its content.
_INDEXED = re.compile(r"^\| *([^|]*?) *\| \[([\w-]+\.md)\]\(\2\) \| (.*) \|$", re.MULTILINE)
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[([^]]+)\]\([^)]+\)")
#: What stands before the pages in llms.txt.
_ABOUT = """# Deskbell

> Deskbell sends messages to people through a Feishu (Lark) helpdesk bot: announcements to thousands of them, and single
> events such as an alert. It keeps to the API's quota across all machines, retries, reroutes around open tickets, and
> records of every message whether it was delivered, failed, or maybe sent.

Every page is Markdown. A running `deskbell web` serves them at these addresses, offline; its OpenAPI document is at
`/openapi.json`, and the reference made of it at `/docs/api`.
"""


@dataclass(frozen=True)
class Words:
    """How a language says what stands in the tables beside the descriptions."""

    folder: str  #: of its pages, below docs/
    catalogue: str
    cores: str
    comma: str
    under: str  #: an HTTP status
    says: str  #: a part of Feishu's `msg`
    follows: Mapping[Kind, str]  #: what Deskbell does on each class of answer, in the words of `show`

    def said(self, english: str, about: str) -> str:
        """A text of the code about `settings` or `scopes`. Raises ValueError if this language has none."""
        if self.folder == ".":
            return english
        path = CATALOGUE / f"{about}.{self.catalogue}.toml"
        descriptions = tomllib.loads(path.read_text("utf-8"))
        if english not in descriptions:
            raise ValueError(f"{path.name} lacks {english!r}: add what it says in this language")
        return str(descriptions[english])


ENGLISH = Words(
    folder=".",
    catalogue="en",
    cores="cores",
    comma=", ",
    under=" under HTTP {}",
    says=" saying “{}”",
    follows={
        Kind.DELIVERED: "delivered",
        Kind.REFUSED: "failed at once",
        Kind.TRANSIENT: "retried, until `DESKBELL_RETRY_FOR` is over",
        Kind.THROTTLED: "the desk waits; costs no retries",
        Kind.TICKET_OPEN: "rerouted, deferred or failed, by `--on-open-ticket`",
        Kind.UNKNOWN: "`unknown`: sent again or held, by `--on-unknown`",
        Kind.TOKEN: "a new token is fetched and the call repeated",
        Kind.DESK: "the desk is on hold until the credentials are fixed or `deskbell resume --desk NAME`",
        Kind.QUOTA_SPENT: "the desk is on hold until `deskbell resume --desk NAME`",
    },
)
CHINESE = Words(
    folder="zh-CN",
    catalogue="zh-CN",
    cores="CPU 核数",
    comma="、",
    under="（HTTP {}）",
    says="（含“{}”）",
    follows={
        Kind.DELIVERED: "记为已送达",
        Kind.REFUSED: "立即记为失败",
        Kind.TRANSIENT: "自动重试，直到超过 `DESKBELL_RETRY_FOR`",
        Kind.THROTTLED: "服务台等待，不消耗重试额度",
        Kind.TICKET_OPEN: "按 `--on-open-ticket` 改发、推迟或记为失败",
        Kind.UNKNOWN: "记为 `unknown`：按 `--on-unknown` 再发一次，或等人工确认",
        Kind.TOKEN: "换取新的访问凭证，再调用一次",
        Kind.DESK: "服务台停发，直到凭证改好，或执行 `deskbell resume --desk NAME`",
        Kind.QUOTA_SPENT: "服务台停发，直到执行 `deskbell resume --desk NAME`",
    },
)


def configuration(words: Words) -> str:
    """configuration.md: every variable, and every field of the desks file."""
    variables = "\n".join(
        f"| `DESKBELL_{name.upper()}` | {_default(field, words)} | {_described(name, field, words)} |"
        for name, field in Settings.model_fields.items()
    )
    fields = "\n".join(
        f"| `{name}` | {_described(name, field, words)} |"
        for name, field in Desk.model_fields.items()
        if name != "name"
    )
    return _filled(f"{words.folder}/configuration.md", variables=variables, fields=fields)


def troubleshooting(words: Words) -> str:
    """troubleshooting.md: every code that Deskbell knows, what it means, and what to do."""
    rows = "\n".join(_row(rule, words) for rule in CodeTable.load().rules)
    return _filled(f"{words.folder}/troubleshooting.md", codes=rows)


def scopes(words: Words) -> str:
    """scopes.md: which feature needs which scope."""
    return _filled(f"{words.folder}/scopes.md", scopes="\n".join(_feature(each, words) for each in FEATURES))


def llms() -> str:
    """llms.txt: what the index names, for programs that read. Its links hold in the repository and on the server."""
    sections: dict[str, list[str]] = {}
    group = ""
    for whom, page, content in _INDEXED.findall((HERE / "README.md").read_text("utf-8")):
        group = whom or group
        sections.setdefault(group[:1].upper() + group[1:], []).append(_listed(page, _LINK.sub(r"\1", content)))
    sections["简体中文"] = [_listed(f"zh-CN/{page.name}") for page in sorted((HERE / "zh-CN").glob("*.md"))]
    return _ABOUT + "".join(f"\n## {name}\n\n" + "\n".join(pages) + "\n" for name, pages in sections.items())


def _listed(page: str, content: str = "") -> str:
    title = _TITLE.search((HERE / page).read_text("utf-8"))
    if title is None:
        raise ValueError(f"{page} needs a title")
    return f"- [{title[1]}](docs/{page})" + (f": {content}" if content else "")


def _filled(page: str, **tables: str) -> str:
    """The page with these rows in its tables: each stands below a comment with its name, and keeps its head."""
    text = (HERE / page).read_text("utf-8")
    for name, rows in tables.items():
        table = re.compile(rf"(<!-- {name} -->\n\|.*\n\|[-|]+\n)(?:\|.*\n)*")
        text, count = table.subn(lambda match, rows=rows: match[1] + rows + "\n", text)
        if count != 1:
            raise ValueError(f"{page} needs one table below <!-- {name} -->")
    return text


def _described(name: str, field: FieldInfo, words: Words) -> str:
    if not field.description:
        raise ValueError(f"{name} has no description: give it a docstring in ledger/settings.py")
    text = words.said(" ".join(field.description.split()), "settings")
    return _PAGE.sub(r"[\1](\1)", text.replace("|", "\\|"))


def _default(field: FieldInfo, words: Words) -> str:
    if field.default_factory is not None:
        return words.cores
    text = "" if field.default is PydanticUndefined else written(field.default)
    return f"`{text}`" if text else ""


def _row(rule: Rule, words: Words) -> str:
    codes = words.comma.join(f"`{code}`" for code in rule.code)
    any_status = rule.http_status == ("xxx",)
    statuses = "" if any_status else words.under.format(words.comma.join(map(str, rule.http_status)))
    says = words.says.format(rule.says) if rule.says else ""
    means, do = map(language(words.catalogue).meaning, (rule.means, rule.do))
    return f"| {codes}{statuses}{says} | {means} | {do} | {words.follows[rule.kind]} |"


def _feature(feature: Feature, words: Words) -> str:
    needed = words.comma.join(f"`{scope}`" for scope in feature.scopes)
    name, without = (words.said(text, "scopes") for text in (feature.name, feature.without))
    return f"| {name} | {needed} | {without} |"


#: By their paths from docs/.
PAGES: Mapping[str, Callable[[], str]] = {
    **{
        f"{words.folder}/{page}".removeprefix("./"): partial(fill, words)
        for words in (ENGLISH, CHINESE)
        for page, fill in (
            ("configuration.md", configuration),
            ("scopes.md", scopes),
            ("troubleshooting.md", troubleshooting),
        )
    },
    "../llms.txt": llms,
}


def write() -> None:
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    write()
