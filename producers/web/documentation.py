"""The documentation as it is, offline and for anybody: `/docs/NAME.md`, its picture, and `/llms.txt` for programs.

It says nothing of this installation: the same files are in every package. So it takes no key, like `/openapi.json`.
"""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_FILES = files("console")
_TYPES = {"md": "text/markdown; charset=utf-8", "svg": "image/svg+xml", "txt": "text/plain; charset=utf-8"}
_HEADERS = {
    # A picture that is opened by itself is a document: it may have styles, and nothing else.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


@router.get("/docs")
@router.get("/docs/")
async def to_the_index() -> RedirectResponse:
    return RedirectResponse("/docs/README.md", 307)


@router.get("/llms.txt")
async def llms() -> Response:
    return _answer("llms.txt")


@router.get("/docs/zh-CN/{name}.md")
async def chinese_page(name: str) -> Response:
    return _answer(f"docs/zh-CN/{name}.md")


@router.get("/docs/{name}.md")
async def page(name: str) -> Response:
    return _answer(f"docs/{name}.md")


@router.get("/docs/{name}.svg")
async def picture(name: str) -> Response:
    return _answer(f"docs/{name}.svg")


def _answer(path: str) -> Response:
    """Raises HTTPException for anything but a page: the path of a request opens no file."""
    content = _contents().get(path)
    if content is None:
        raise HTTPException(404)
    return Response(content, headers={**_HEADERS, "content-type": _TYPES[path.rpartition(".")[2]]})


@cache
def _contents() -> dict[str, bytes]:
    """By the path within the package. Half a megabyte, read when somebody asks first."""
    pages = {
        f"{folder}/{file.name}": file.read_bytes()
        for folder in ("docs", "docs/zh-CN")
        for file in _FILES.joinpath(folder).iterdir()
        if file.name.endswith((".md", ".svg"))
    }
    return {"llms.txt": _FILES.joinpath("llms.txt").read_bytes()} | pages
