"""Uploads without a server: where the parts are kept, and what becomes of them when a request fails."""

import asyncio
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from producers.web.problems import Problem
from producers.web.uploads import Form, read_form

__all__: list[str] = []

FORM = "multipart/form-data; boundary=b"
ROWS = b"receiver_id\n" + b"ou_ada\n" * 100_000
END = b"--b--\r\n"


def part(name: str, content: bytes, more: str = "") -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


def form_of(body: bytes, content_type: str = FORM) -> Form:
    chunks = iter([body[at : at + 65536] for at in range(0, len(body), 65536)])

    async def receive() -> Message:
        chunk = next(chunks, b"")
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", content_type.encode())]}
    return asyncio.run(read_form(Request(scope, receive), large="recipients"))


def refusal_of(body: bytes, content_type: str = FORM) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        form_of(body, content_type)
    return caught.value.http_status, caught.value.type


@pytest.fixture
def spooled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The files that are made; every one of them must be closed in the end."""
    files: list[Any] = []

    class Watched(SpooledTemporaryFile[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            files.append(self)

    for module in ("starlette.formparsers", "producers.web.uploads"):
        monkeypatch.setattr(f"{module}.SpooledTemporaryFile", Watched)
    yield files
    assert all(file.closed for file in files)


@pytest.mark.parametrize("more", ['; filename="people.csv"', ""])
def test_the_large_part_is_on_disk_without_a_name_there_whether_it_says_to_be_a_file_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spooled: list[Any], more: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    form = form_of(part("text", b"Dear") + part("recipients", ROWS, more) + END)
    assert form.large is not None
    assert form.large.read_at(0, len(ROWS) + 1) == ROWS
    assert os.fstat(form.large.fileno()).st_nlink == 0
    assert list(tmp_path.iterdir()) == []
    assert (form.large.name, form.parts["text"].content) == ("people.csv" if more else "recipients", b"Dear")
    form.close()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(part("recipients", ROWS) + part("recipients", b"x") + END, id="a name twice"),
        pytest.param(part("recipients", ROWS), id="no end"),
        pytest.param(part("recipients", ROWS) + part("text", b"x" * 12_000_000) + END, id="a part too large"),
        pytest.param(part("recipients", ROWS) + b"--bx", id="no boundary"),
    ],
)
def test_nothing_is_left_open_of_a_form_that_is_refused(spooled: list[Any], body: bytes) -> None:
    assert refusal_of(body)[0] in (400, 413)
    assert spooled


def test_a_disk_that_is_full_is_said_so(monkeypatch: pytest.MonkeyPatch, spooled: list[Any]) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SpooledTemporaryFile, "write", full)
    assert refusal_of(part("recipients", ROWS) + END) == (503, "no-room")


@pytest.mark.parametrize("charset", ["undefined", "idna", "rot13", "utf-16", "no-such-charset", "utf-8"])
def test_a_part_is_read_alike_whatever_charset_the_content_type_names(spooled: list[Any], charset: str) -> None:
    form = form_of(part("文", "Dear 人".encode()) + END, f"{FORM}; charset={charset}")
    assert {name: part.text(name) for name, part in form.parts.items()} == {"文": "Dear 人"}


def test_a_text_that_is_not_utf_8_is_refused(spooled: list[Any]) -> None:
    text = form_of(part("text", b"\xff") + END).parts["text"]
    with pytest.raises(Problem, match="the part text is not UTF-8"):
        text.text("text")
