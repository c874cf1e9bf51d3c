"""The templates, and their filters for numbers, times and SVG. Values are escaped."""

import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from console.chart import HEIGHT, WIDTH
from console.message_preview import is_plain, preview_of
from ledger.times import iso, zone_of

__all__ = ["environment", "in_zone"]

#: What ends a name between braces, or makes an expression of it.
_SIGNS = frozenset("|{}%#\"'\\")


@cache
def environment() -> Environment:
    """One per process, with compiled templates. An undefined name is a bug, and raises."""
    templates = Environment(
        loader=PackageLoader("console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # a template replaced under a running process might not match its texts
    )
    templates.filters |= {"number": _number, "when": _when, "day": _day, "percent": _percent, "look": preview_of}
    templates.filters |= {"in_zone": in_zone, "iso": iso, "utc": _utc, "inserted": _inserted}
    templates.filters["sentence"] = _sentence
    templates.tests["plain"] = is_plain
    templates.globals |= {"static": _static, "chart_width": WIDTH, "chart_height": HEIGHT}
    for name in templates.list_templates():  # now, so that the first visitor need not wait
        templates.get_template(name)
    return templates


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _percent(part: float, whole: float) -> str:
    """For a width or a label, such as 34.5. Never 100 before the total is reached."""
    if not whole:
        return "0"
    share = min(100.0, 100 * part / whole)
    return "100" if share == 100 else f"{min(share, 99.9):.1f}".removesuffix(".0")


def _when(ms: int | datetime | None) -> Markup:
    """A time: in UTC, which console.js converts to the reader's own."""
    return _time(ms, "%H:%M:%S", "time")


def _day(ms: int | datetime | None) -> Markup:
    """The same with its date."""
    return _time(ms, "%Y-%m-%d %H:%M:%S", "day")


def _utc(ms: int | None, form: str) -> str:
    """For a picker: what console.js then shows in the reader's zone."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime(form) if ms else ""


def in_zone(ms: int, zone: str) -> str:
    """`2026-12-01 09:00 Asia/Shanghai (UTC+08:00)`: the same for every reader."""
    at = datetime.fromtimestamp(ms / 1000, zone_of(zone))
    return f"{at:%Y-%m-%d %H:%M} {zone} (UTC{at.isoformat()[-6:]})"


def _time(moment: int | datetime | None, written: str, form: str) -> Markup:
    ms = round(moment.timestamp() * 1000) if isinstance(moment, datetime) else moment
    if not ms:
        return Markup("–")
    text = datetime.fromtimestamp(ms / 1000, UTC).strftime(written)
    return Markup('<time datetime="{}" data-form="{}">{} UTC</time>').format(iso(ms), form, text)


@cache
def _static(name: str) -> str:
    """The URL of a static file, which changes with the file."""
    content = files("console").joinpath("static", *name.split("/")).read_bytes()
    return f"/console/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


def _sentence(text: str) -> str:
    """Beginning with a capital letter; the others stay, unlike with Jinja's `capitalize`."""
    return text[:1].upper() + text[1:]


def _inserted(name: str) -> str:
    """What names a column in a message."""
    if not _SIGNS & set(name):
        return f"{{{{ {name} }}}}"
    quote = "'" if '"' in name else '"'
    return f"{{{{ row[{quote}{name}{quote}] }}}}"
