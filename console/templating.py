"""The templates, and how they write numbers, times and pieces of SVG. What they are given is escaped."""

import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from console.chart import HEIGHT, WIDTH
from console.message_preview import is_plain, preview_of
from ledger.times import iso

__all__ = ["environment"]


@cache
def environment() -> Environment:
    """One for the process, its templates compiled. A name that is not given is a bug, and raises."""
    templates = Environment(
        loader=PackageLoader("console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # a file that is replaced under a running process would not fit the texts it has read
    )
    templates.filters |= {"number": _number, "when": _when, "day": _day, "percent": _percent, "look": preview_of}
    templates.tests["plain"] = is_plain
    templates.globals |= {"static": _static, "chart_width": WIDTH, "chart_height": HEIGHT}
    for name in templates.list_templates():  # now, so that the first visitor need not wait for it
        templates.get_template(name)
    return templates


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _percent(part: float, whole: float) -> str:
    """For a width or a label, such as 34.5. Never 100 before all is there."""
    if not whole:
        return "0"
    share = min(100.0, 100 * part / whole)
    return "100" if share == 100 else f"{min(share, 99.9):.1f}".removesuffix(".0")


def _when(ms: int | datetime | None) -> Markup:
    """A moment: in UTC as it stands, in the reader's own time once console.js has seen it."""
    return _time(ms, "%H:%M:%S", "time")


def _day(ms: int | datetime | None) -> Markup:
    """The same with its date."""
    return _time(ms, "%Y-%m-%d %H:%M:%S", "day")


def _time(moment: int | datetime | None, written: str, form: str) -> Markup:
    ms = round(moment.timestamp() * 1000) if isinstance(moment, datetime) else moment
    if not ms:
        return Markup("–")
    text = datetime.fromtimestamp(ms / 1000, UTC).strftime(written)
    return Markup('<time datetime="{}" data-form="{}">{} UTC</time>').format(iso(ms), form, text)


@cache
def _static(name: str) -> str:
    """The address of a file of ours, which changes when the file does."""
    content = files("console").joinpath("static", *name.split("/")).read_bytes()
    return f"/console/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"
