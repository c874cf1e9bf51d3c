"""Fills the tables of the reference pages of docs/ from the settings and the error codes: `make docs`."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from feishu.codes import CodeTable, Kind, Rule
from ledger.settings import Desk, Settings
from ledger.settings_in_force import written

__all__ = ["PAGES", "configuration", "troubleshooting", "write"]

HERE = Path(__file__).resolve().parent
_PAGE = re.compile(r"\b([\w-]+\.md)\b")

#: What Deskbell does on each class of answer, in the words of `show`.
_WHAT_FOLLOWS = {
    Kind.DELIVERED: "delivered",
    Kind.REFUSED: "failed at once",
    Kind.TRANSIENT: "retried, until `DESKBELL_RETRY_FOR` is over",
    Kind.THROTTLED: "the desk waits; costs no retries",
    Kind.TICKET_OPEN: "rerouted, deferred or failed, by `--on-open-ticket`",
    Kind.UNKNOWN: "`unknown`: sent again or held, by `--on-unknown`",
    Kind.TOKEN: "a new token is fetched and the call repeated",
    Kind.DESK: "the desk is on hold until the credentials are fixed or `deskbell resume --desk NAME`",
    Kind.QUOTA_SPENT: "the desk is on hold until `deskbell resume --desk NAME`",
}


def configuration() -> str:
    """docs/configuration.md: every variable, and every field of the desks file."""
    variables = "\n".join(
        f"| `DESKBELL_{name.upper()}` | {_default(field)} | {_described(name, field)} |"
        for name, field in Settings.model_fields.items()
    )
    fields = "\n".join(
        f"| `{name}` | {_described(name, field)} |" for name, field in Desk.model_fields.items() if name != "name"
    )
    return _filled("configuration.md", variables=variables, fields=fields)


def troubleshooting() -> str:
    """docs/troubleshooting.md: every code that Deskbell knows, what it means, and what to do."""
    rows = "\n".join(_row(rule) for rule in CodeTable.load().rules)
    return _filled("troubleshooting.md", codes=rows)


def _filled(page: str, **tables: str) -> str:
    """The page with these rows in its tables: each stands below a comment with its name, and keeps its head."""
    text = (HERE / page).read_text("utf-8")
    for name, rows in tables.items():
        table = re.compile(rf"(<!-- {name} -->\n\|.*\n\|[-|]+\n)(?:\|.*\n)*")
        text, count = table.subn(lambda match, rows=rows: match[1] + rows + "\n", text)
        if count != 1:
            raise ValueError(f"{page} needs one table below <!-- {name} -->")
    return text


def _described(name: str, field: FieldInfo) -> str:
    if not field.description:
        raise ValueError(f"{name} has no description: give it a docstring in ledger/settings.py")
    return _PAGE.sub(r"[\1](\1)", " ".join(field.description.split()).replace("|", "\\|"))


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "cores"
    text = "" if field.default is PydanticUndefined else written(field.default)
    return f"`{text}`" if text else ""


def _row(rule: Rule) -> str:
    codes = ", ".join(f"`{code}`" for code in rule.code)
    statuses = (
        "" if rule.http_status == ("xxx",) else " under HTTP " + ", ".join(str(each) for each in rule.http_status)
    )
    says = f" saying “{rule.says}”" if rule.says else ""
    return f"| {codes}{statuses}{says} | {rule.means} | {rule.do} | {_WHAT_FOLLOWS[rule.kind]} |"


PAGES: Mapping[str, Callable[[], str]] = {"configuration.md": configuration, "troubleshooting.md": troubleshooting}


def write() -> None:
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    write()
