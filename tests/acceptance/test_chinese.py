"""Who reads Chinese finds no English sentence: on no page, in no problem, with whatever is broken.

Pages are walked from the start along their links, and every route of the console is seen; actions are sent as their
forms stand, then with nothing in them, then with nonsense. Problems are provoked at every operation of the OpenAPI
document. Feishu's own words, ids, code and what users have written may be English: `tests/english.py` is the judge.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from itertools import count, takewhile
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from starlette.routing import Route, compile_path

from console.app import page_routes
from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.vitals import UNSERVED_MS
from tests.acceptance.chinese_scene import FEISHU_SAYS, HOOKS, ChineseScene, refused, unanswered
from tests.acceptance.installation import Installation
from tests.acceptance.web_process import WebProcess
from tests.english import english_in, english_on_page
from tests.integration.console.console_visitor import Visitor
from tests.unit.test_twin_pages import ENGLISH

CHINESE = {"Accept-Language": "zh-CN"}
#: Pages of a walk: many lead to the same with another filter.
MOST_PAGES = 250
#: Statuses that the problems below have had, each in Chinese.
STATUSES = {400, 401, 403, 404, 405, 409, 413, 415, 422}
#: Of which pages show no text of ours: files, and what the browser asks for.
OTHERS = ("/export.", "/static/", "/live/")
NONSENSE = "胡说"
#: What pages may say as it is: Feishu's words, names of services in the documentation, and a line of a log in it.
ALLOWED = (FEISHU_SAYS, *ENGLISH)


@contextmanager
def serving(installation: Installation, **environment: str) -> Iterator[WebProcess]:
    hooks = installation.folder / "hooks.toml"
    hooks.write_text(HOOKS)
    told = {**installation.environment, "DESKBELL_HOOKS": str(hooks), **environment}
    with WebProcess(installation.folder, told) as web:
        yield web


#: Of each of these the beginning is listened to: the pause for the browser, and two parts of the page.
FIRST_PARTS = 3
STREAMS = ("/live/now", "/live/badge", "/live/needs", "/live/announcements")


class Walk:
    """A walk of one reader over the pages. `english` is what was found, by page."""

    def __init__(self, url: str, secret: str | None = None) -> None:
        self.visitor = Visitor(url, "zh-CN")
        if secret:
            self.visitor.sign_in(secret)
        self.english: dict[str, list[str]] = {}
        self.seen: dict[str, str] = {}  #: page by path

    def judge(self, path: str, answer: requests.Response) -> None:
        is_page = "text/html" in answer.headers.get("content-type", "")
        if is_page and (found := english_on_page(answer.text, ALLOWED)):
            self.english[f"{path} ({answer.status_code})"] = found

    def look(self, path: str) -> requests.Response:
        answer = self.visitor.session.get(self.visitor.url + path, timeout=120)
        self.judge(path, answer)
        self.seen[path] = answer.text
        if 'name="csrf"' in answer.text:
            self.visitor.page = answer
        return answer

    def listen(self, path: str) -> None:
        """To what a stream of a page's live parts tells at first."""
        with self.visitor.session.get(self.visitor.url + path, timeout=120, stream=True) as answer:
            parts = count()
            told = takewhile(lambda line: line or next(parts) < FIRST_PARTS, answer.iter_lines(decode_unicode=True))
            page = "\n".join(line.partition("data: ")[2] for line in told)
        assert "<" in page, path
        if found := english_on_page(page, ALLOWED):
            self.english[path] = found

    def follow(self, *paths: str) -> None:
        """These pages and all to which they lead."""
        waiting = list(paths)
        while waiting and len(self.seen) < MOST_PAGES:
            path = waiting.pop(0)
            if path not in self.seen and not any(other in path for other in OTHERS):
                waiting += _links(path, self.look(path).text)

    def act(self, path: str, **fields: str) -> None:
        self.judge(f"POST {path} {fields}", self.visitor.act(path, **fields))


def _links(path: str, page: str) -> list[str]:
    """The console's own, in their order."""
    base = urlsplit("http://here/console" + path).geturl()
    found = (urljoin(base, unescape(link)) for link in re.findall(r'href="([^"#]+)', page))
    return [link.removeprefix("http://here/console") for link in found if link.startswith("http://here/console/")]


@pytest.fixture(scope="module")
def place(folders: Callable[[], Any]) -> Iterator[tuple[Installation, WebProcess, ChineseScene]]:
    """Much has happened, and no worker runs."""
    with Installation(folders(), workers=0) as installation, serving(installation) as web:
        scene = ChineseScene(installation.ledger)
        scene.build()
        yield installation, web, scene


@pytest.fixture(scope="module")
def secret(place: tuple[Installation, WebProcess, ChineseScene]) -> str:
    return ApiKeys(place[0].ledger).create("zhang", frozenset(Scope), None, None, by="test")[1]


def _draft(web: WebProcess, secret: str, name: str) -> str:
    body = {
        "name": name,
        "rows": [{"receiver_id": "ou_zhang", "name": "张三"}, {"receiver_id": "x y"}],
        "text": "{{ name }}，好",
        "draft": True,
    }
    answer = requests.post(
        f"{web.url}/v1/announcements", json={**body, "skip_invalid": True}, headers=_bearer(secret), timeout=60
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _bearer(secret: str) -> dict[str, str]:
    return {**CHINESE, "Authorization": f"Bearer {secret}"}


def paths_of(scene: ChineseScene, route: Route, ids: list[str]) -> list[str]:
    values = {"id": ids, "name": scene.names, "format": ["csv"], "desk": ["default"]}
    names = re.findall(r"\{(\w+)\}", route.path)
    paths = [route.path]
    for name in names:
        paths = [path.replace(f"{{{name}}}", value) for path in paths for value in values[name]]
    return paths


def test_no_page_and_no_answer_to_a_form_has_an_english_sentence(
    place: tuple[Installation, WebProcess, ChineseScene], secret: str
) -> None:
    installation, web, scene = place
    stranger = Walk(web.url)
    stranger.follow("/", "/sign-in", "/sign-in/link?token=x")
    stranger.act("/sign-in", key="dbk_x")
    walk = Walk(web.url, secret)
    drafts = [_draft(web, secret, name) for name in ("草稿一", "草稿二")]
    ids = [*scene.announcements, *drafts, *scene.notifications, "a_none", "n_none"]
    for route in page_routes():
        if "GET" in (route.methods or ()):
            walk.follow(*paths_of(scene, route, [*ids, *(key.id for key in ApiKeys(installation.ledger).list())]))
    for wrong in (
        "/nowhere",
        "/notifications?state=x",
        "/notifications?until=x",
        "/notifications?cursor=x",
        "/notifications?code=x",
    ):
        walk.look(wrong)
    shapes = [compile_path(route.path)[0] for route in page_routes() if "GET" in (route.methods or ())]
    unseen = [shape.pattern for shape in shapes if not any(shape.match(urlsplit(path).path) for path in walk.seen)]
    assert [pattern for pattern in unseen if "live" not in pattern and "export" not in pattern] == []
    for route in page_routes():
        if "POST" in (route.methods or ()) and route.path != "/sign-out":
            for path in paths_of(scene, route, ids):
                walk.look("/announcements/new")
                walk.act(path)
    for path, fields in _forms(walk).items():
        walk.look("/announcements/new")
        walk.act(path, **dict.fromkeys(fields, NONSENSE))
    walk.look("/needs")
    found = stranger.english | walk.english
    assert not found, _lines(found)


def _forms(walk: Walk) -> dict[str, set[str]]:
    """The names of the fields of all forms that were seen, by where they lead."""
    found: dict[str, set[str]] = {}
    for page in walk.seen.values():
        for path, form in re.findall(r'<form[^>]*action="/console([^"?]+)[^>]*>(.*?)</form>', page, re.DOTALL):
            found.setdefault(path, set()).update(re.findall(r'name="([a-z_]+)"', form))
    return {path: names - {"csrf"} for path, names in found.items() if path not in ("/sign-out", "/preferences")}


#: The members of a problem, and of a row's.
FOR_PEOPLE = ("title", "detail", "problem")


def _lines(found: dict[str, list[str]]) -> str:
    return "\n".join(f"{where}: {english}" for where, english in found.items())


class Problems:
    """What an API says to a caller who reads Chinese. `english` is what was found, `types` are those of all."""

    def __init__(self, web: WebProcess, secret: str | None) -> None:
        self.url, self._headers = web.url, _bearer(secret) if secret else CHINESE
        self.english: dict[str, list[str]] = {}
        self.statuses: set[int] = set()

    def provoke(self, method: str, path: str, **options: Any) -> None:
        headers = {**self._headers, **options.pop("headers", {})}
        answer = requests.request(method, self.url + path, headers=headers, timeout=60, **options)
        if answer.headers.get("content-type") != "application/problem+json":
            return
        assert answer.headers["content-language"] == "zh-CN"
        assert "Accept-Language" in answer.headers["vary"]
        self.statuses.add(answer.status_code)
        found = [english for text in _told(answer.json()) for english in english_in(text, [FEISHU_SAYS])]
        if found:
            self.english[f"{method} {path} {options} ({answer.status_code})"] = found


def _told(problem: Any) -> Iterator[str]:
    """What is for people in it, and in the problems within it."""
    match problem:
        case dict():
            yield from (
                str(problem[name]) for name in ("title", "detail", "problem") if isinstance(problem.get(name), str)
            )
            for value in problem.values():
                yield from _told(value)
        case list():
            for each in problem:
                yield from _told(each)


#: Bodies that no operation takes, and why.
BODIES: dict[str, dict[str, Any]] = {
    "nothing": {"json": {}},
    "no object": {"json": [1]},
    "unknown fields": {"json": {"wrong": 1}},
    "wrong kinds": {
        "json": dict.fromkeys(("key", "rows", "message", "to", "why", "version", "desk", "fingerprint", "at"), 1.5)
    },
    "no JSON": {"data": b"{", "headers": {"Content-Type": "application/json"}},
    "twice": {"data": b'{"a": 1, "a": 2}', "headers": {"Content-Type": "application/json"}},
    "other type": {"data": b"x", "headers": {"Content-Type": "text/plain"}},
    "packed": {"data": b"x", "headers": {"Content-Type": "application/json", "Content-Encoding": "gzip"}},
    "form": {"files": {"wrong": ("x.csv", b"x")}},
    "broken form": {"data": b"x", "headers": {"Content-Type": "multipart/form-data"}},
    "large": {"data": b" " * 2_000_000, "headers": {"Content-Type": "application/json"}},
}
EVENTS: tuple[dict[str, Any], ...] = (
    {"receiver_id": "ou_a b", "text": "x"},
    {"receiver_id": "ou_a", "text": ""},
    {"receiver_id": "ou_a", "msg_type": "card"},
    {"receiver_id": "ou_a", "message": {"msg_type": "interactive", "content": {"elements": [{"tag": "x"}]}}},
    {"receiver_id": "ou_a", "message": {"msg_type": "post", "content": {"zh_cn": {"content": [[{"tag": "x"}]]}}}},
    {"receiver_id": "ou_a", "text": "x", "at": "soon"},
    {"receiver_id": "ou_a", "text": "x", "at": "2020-01-01T00:00:00Z"},
    {"receiver_id": "ou_a", "text": "x", "desk": "nowhere"},
    {"receiver_id": "ou_a", "text": "x", "callback_url": "http://user@x/#y"},
    {"receiver_id": "ou_a", "email": "a@b.cn", "text": "x"},
    {"receiver_id": "ou_a", "markdown": "| a |\n|---|\n| b |"},
    {"receiver_id": "ou_a", "template": "x@y", "variables": {"a": 1}},
    {"receiver_id": "ou_a", "text": "x", "throttle": "long", "digest": "1s"},
    {"receiver_id": "ou_a", "text": "x", "key": "hook/1"},
)
FILES = {
    "empty.csv": b"",
    "header.csv": b"receiver_id,name\n",
    "none.csv": b"who,name\nou_a,A\n",
    "twice.csv": b"receiver_id,name,name\nou_a,A,B\n",
    "wide.csv": b"receiver_id,name\nou_a,A,B,C\nx y,\n",
    "quote.csv": b'receiver_id,name\nou_a,"A\n',
    "utf16.csv": "receiver_id,name\nou_a,A\n".encode("utf-16"),
    "latin.csv": "receiver_id,name\nou_a,Zo\u00eb M\u00fcller\n".encode("latin-1"),
    "people.xlsx": b"PK\x03\x04 and no more",
    "old.xlsx": bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600,
    "page.csv": b"<!DOCTYPE html><html></html>",
    "rows.jsonl": b'{"receiver_id": "ou_a"\n[1]\n{"receiver_id": "x y"}\n',
}


def test_no_problem_of_the_api_has_an_english_sentence(
    place: tuple[Installation, WebProcess, ChineseScene], secret: str
) -> None:
    installation, web, scene = place
    reader = ApiKeys(installation.ledger).create("li", frozenset({Scope.READ}), None, None, by="test")[1]
    document = requests.get(f"{web.url}/openapi.json", timeout=60).json()
    known, lacking, stranger = Problems(web, secret), Problems(web, reader), Problems(web, "dbk_wrong")
    for path, operations in document["paths"].items():
        for values in (
            {"id": scene.announcements[0]},
            {"id": scene.notifications[0]},
            {"id": "n_none"},
            {"id": NONSENSE},
        ):
            filled = re.sub(r"\{(\w+)\}", lambda name, values=values: values.get(name[1], NONSENSE), path)
            for method in operations:
                known.provoke(method, filled, params={"limit": "x", "cursor": "zz", "state": "x", "drafts": "x"})
                known.provoke(method, filled)
                for body in BODIES.values():
                    known.provoke(method, filled, **body)
        lacking.provoke(method, filled)
        stranger.provoke(method, filled)
        known.provoke("PATCH", filled)
    Problems(web, None).provoke("GET", "/nowhere")
    for event in EVENTS:
        known.provoke("POST", "/v1/notifications", json=event)
    known.provoke("POST", "/v1/notifications", json={"notifications": [*EVENTS, 1]})
    for name, content in FILES.items():
        files = {"recipients": (name, content), "text": (None, "{{ name }}"), "name": (None, "x")}
        known.provoke("POST", "/v1/announcements", files=files)
    known.provoke(
        "POST", "/v1/announcements", files={"recipients": ("a.csv", b"receiver_id\nou_a\n"), "text": (None, "{{ a")}
    )
    found = known.english | lacking.english | stranger.english
    assert not found, _lines(found)
    assert known.statuses | lacking.statuses | stranger.statuses >= STATUSES


def _hold(installation: Installation, scene: ChineseScene) -> None:
    scene.hold("credentials", refused(154001, 401))


def _hold_for_an_outage(installation: Installation, scene: ChineseScene) -> None:
    scene.hold("outage", unanswered())


def _leave_unserved(installation: Installation, scene: ChineseScene) -> None:
    ledger = installation.ledger
    ledger.redis.zincrby(ledger.keys.desks, -UNSERVED_MS, "default")


def _fill(installation: Installation, scene: ChineseScene) -> None:
    installation.ledger.redis.config_set("maxmemory", 500_000)


def _keep_nothing(installation: Installation, scene: ChineseScene) -> None:
    installation.ledger.redis.config_set("appendfsync", "no")


def _upgrade(installation: Installation, scene: ChineseScene) -> None:
    installation.ledger.redis.set(installation.ledger.keys.schema, "99")


def _stop(installation: Installation, scene: ChineseScene) -> None:
    installation.kill_valkey()


@pytest.mark.parametrize(
    "breaks",
    [_hold, _hold_for_an_outage, _leave_unserved, _fill, _keep_nothing, _upgrade, _stop],
    ids=lambda each: each.__name__,
)
def test_whatever_is_broken_is_told_without_an_english_sentence(
    new_installation: Callable[..., Installation], breaks: Callable[[Installation, ChineseScene], None]
) -> None:
    installation = new_installation(workers=0)
    scene = ChineseScene(installation.ledger)
    scene.build()
    with serving(installation) as web:
        breaks(installation, scene)
        walk, problems = Walk(web.url), Problems(web, None)
        walk.follow("/", "/needs", "/announcements", "/notifications", "/hooks", "/keys", "/announcements/new")
        for path in STREAMS:
            walk.listen(path)
        if breaks is not _stop:
            walk.act("/dropped/seen")
            walk.act("/announcements/new")
        for path in ("/v1/notifications", "/v1/announcements", "/v1/desks", "/v1/keys", "/v1/templates"):
            problems.provoke("GET", path)
        problems.provoke("POST", "/v1/notifications", json={"receiver_id": "ou_wang", "text": "你好"})
    found = walk.english | problems.english
    assert not found, _lines(found)
    if breaks in (_fill, _upgrade, _stop):
        assert 503 in problems.statuses
