"""Every place that takes foreign bytes stands in the table; what is read without a server takes linear time."""

import gc
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest

from ledger.errors import DeskbellError
from ledger.settings import Settings
from producers.web.app import create_app
from tests.foreign_bytes import OURS, READ, SERVED, Read
from tests.unit.source_tree import calls

#: The calls that take bytes apart, as they are written.
PARSERS = re.compile(
    r"(?:.*\.)?(?:loads|load_workbook|ZipFile|from_string|JSONDecoder|MultipartParser|_FormParser|(?:urlsafe_)?b64decode|parse_qsl?"
    r"|iterparse|fromstring|ParserCreate|XMLParser|decompress(?:obj)?|form|reader|DictReader|safe_load|full_load)"
    r"|yaml\.(?:load|parse|compose|scan)|Image\.open|tomllib\.load|json\.load|sandbox\.parse|pickle\..*|marshal\..*"
)
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
#: Four times as much may take six times the CPU. What takes less than this is quick enough, seconds.
MOST_GROWTH, QUICK_SECONDS = 6, 0.1


def test_every_call_that_takes_bytes_apart_is_in_the_table() -> None:
    """The sandbox is for practice, and listens on the loopback alone."""
    found = {each.where for each in calls() if PARSERS.fullmatch(each.name) and not each.where.startswith("sandbox/")}
    told = {installation for place in (*SERVED.values(), *READ.values()) for installation in place.sites}
    assert not told & set(OURS)
    assert found == told | set(OURS), "write it into tests/foreign_bytes.py: foreign, or ours"


def test_every_route_that_takes_a_body_is_in_the_table() -> None:
    told = [route for place in SERVED.values() for route in place.routes]
    assert sorted(told) == sorted(routes())


def routes() -> set[str]:
    app = create_app(Settings(_env_file=None))
    api = {
        f"{method.upper()} {path}"
        for path, methods in app.openapi()["paths"].items()
        for method in methods
        if method.upper() in CHANGING
    }
    return api | set(_of_console(app.routes, ""))


def _of_console(found: Sequence[Any], prefix: str) -> Iterator[str]:
    for route in found:
        path = prefix + getattr(route, "path", "")
        yield from _of_console(getattr(route, "routes", None) or [], path)
        yield from (f"{method} {path}" for method in CHANGING & set(getattr(route, "methods", None) or ()))


@pytest.mark.slow
@pytest.mark.parametrize("place", READ.values(), ids=list(READ))
def test_four_times_as_much_takes_no_more_than_six_times_as_long(place: Read) -> None:
    assert any(_is_linear(place) for _ in range(3))


def _is_linear(place: Read) -> bool:
    whole = _seconds(place, place.most_bytes)
    return whole < QUICK_SECONDS or whole < MOST_GROWTH * _seconds(place, place.most_bytes // 4)


def _seconds(place: Read, size: int) -> float:
    content = place.hostile(size)
    assert len(content) <= size
    gc.disable()  # it would look at all that the other tests have left, at each of so many lists
    began = time.thread_time()
    try:
        with suppress(DeskbellError, ValueError):  # most of it is refused
            place.read(content)
        return time.thread_time() - began
    finally:
        gc.enable()
