"""`/healthz` of everybody beside one caller who sends the worst that is allowed: a real web process, over real TCP."""

import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
import pytest
import requests

from ledger.announcement import Spec
from ledger.api_key import Scope
from ledger.api_keys import ApiKeys
from ledger.full_search import MOST_ROWS
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.acceptance.web_process import WebProcess
from tests.integration.console.console_visitor import Visitor

__all__: list[str] = []

#: The median of five calls may take so long: what waits for one piece of somebody's work takes seconds.
MOST_SECONDS = 0.25
CALLS, TURNS = 5, 6
LIMIT = 1024 * 1024
#: Of an announcement that is searched: several pages.
MANY_ROWS = 60_000
CARD = {"msg_type": "interactive", "content": {"elements": [{"tag": "markdown", "content": "**Hi**"}] * 12}}
HOOKS = '[hook.script]\nuse = "generic"\nto = "ou_ada"\n'

Post = Callable[[str, str, requests.Session], object]


@pytest.fixture(scope="module")
def web(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Its address, and a key."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "hooks.toml").write_text(HOOKS)
    ledger = Ledger(valkey)
    ledger.redis.flushall()
    _, secret = ApiKeys(ledger).create("bob", frozenset(Scope), None, None, by="test")
    environment = {"DESKBELL_DATA_DIR": str(valkey.data_dir), "DESKBELL_HOOKS": str(folder / "hooks.toml")}
    with WebProcess(folder, environment) as process:
        yield process.url, secret
    ledger.redis.close()


def as_json(path: str, body: Callable[[int], str]) -> Callable[[int], Post]:
    """`body` makes one of so many bytes, or nearly."""

    def of_size(size: int) -> Post:
        raw = body(size).encode()
        headers = {"Content-Type": "application/json"}
        return lambda url, secret, session: session.post(
            url + path, raw, headers=headers | {"Authorization": f"Bearer {secret}"}, timeout=60
        )

    return of_size


def twice(size: int) -> str:
    members = ",".join(f'"{n:06x}":1' for n in range(size // 11))
    return f'{{{members},"000000":2}}'


def wide(size: int) -> str:
    lists = "[]," * (size // 3 - 40)
    message = f'{{"msg_type":"interactive","content":{{"a":[{lists}1]}}}}'
    return f'{{"receiver_id":"ou_ada","message":{message}}}'


def batch(size: int) -> str:
    item = {"receiver_id": "ou_ada", "message": CARD, "at": "30d"}
    return json.dumps({"notifications": [item] * min(1000, size // (len(json.dumps(item)) + 2))})


def small_batch(size: int) -> str:
    item = '{"receiver_id":"o","text":""}'
    return f'{{"notifications":[{",".join([item] * min(1000, size // 1100))}]}}'


def yaml_form(size: int) -> Post:
    parts = {"recipients": ("a.csv", b"receiver_id\nou_ada\n"), "message": ("m.yaml", b"- [a]\n" * (size // 6))}
    return lambda url, secret, session: session.post(
        f"{url}/v1/announcements", files=parts, headers={"X-Api-Key": secret}, timeout=60
    )


def sign_in(size: int) -> Post:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return lambda url, secret, session: session.post(f"{url}/console/sign-in", b"a&" * (size // 2), headers=form)


HOSTILE = {
    "a name twice": as_json("/v1/notifications", twice),
    "a name twice, to a hook": as_json("/v1/hooks/script", twice),
    "a name twice, as if from Feishu": as_json("/v1/feishu/events", twice),
    "ten thousands of lists": as_json("/v1/notifications", wide),
    "rows that are lists": as_json("/v1/announcements", lambda size: f'{{"rows": [{"[]," * (size // 3 - 5)}1]}}'),
    "a batch of cards": as_json("/v1/notifications", batch),
    "a batch of a thousand empty texts": as_json("/v1/notifications", small_batch),
    "YAML in a form": yaml_form,
    "a form of empty fields, of anybody": sign_in,
}


@pytest.mark.parametrize("share", [4, 1], ids=["a quarter", "all"])
@pytest.mark.parametrize("of_size", HOSTILE.values(), ids=list(HOSTILE))
def test_healthz_answers_beside_a_body_of(web: tuple[str, str], of_size: Callable[[int], Post], share: int) -> None:
    limit = 64 * 1024 if of_size is yaml_form else LIMIT - 1024
    post = of_size(limit // share)
    with again_and_again(lambda session: post(*web, session)):
        assert_healthz_answers(web[0])


def test_healthz_answers_beside_the_page_of_a_message_of_tags(web: tuple[str, str]) -> None:
    url, secret = web
    body = {"receiver_id": "ou_ada", "text": "<b>" * 12_000, "at": "30d"}
    id = requests.post(f"{url}/v1/notifications", json=body, headers={"X-Api-Key": secret}, timeout=120).json()["id"]
    visitor = Visitor(url).sign_in(secret)
    with again_and_again(lambda _: visitor.look(f"/notifications/{id}")):
        assert_healthz_answers(url)
    assert "are shown unformatted" in visitor.look(f"/notifications/{id}")


def test_everybody_is_answered_beside_a_search_in_many_rows(web: tuple[str, str], valkey: Settings) -> None:
    url, secret = web
    ledger = Ledger(valkey)
    spec = Spec(name="Move", message={"msg_type": "text", "content": {"text": "Hi"}}, columns=("name", "email"))
    id = ledger.announcements.open(spec, key="move", digest="1").id
    people = ([f"员工{n}", f"person.{n}@example.com"] for n in range(MANY_ROWS))
    ledger.announcements.load(id, (orjson.dumps([n, f"ou_{n}", row]) for n, row in enumerate(people)))
    ledger.announcements.start(id, spec, MANY_ROWS)
    ledger.redis.close()
    reached: list[int] = []

    def search(session: requests.Session) -> None:
        """For nobody: a page looks at all that it may."""
        asked, headers = {"find": "nobody@example.org"}, {"X-Api-Key": secret}
        page = session.get(f"{url}/v1/notifications", params=asked, headers=headers, timeout=60).json()
        reached.append(page["looked_at"]["rows"])

    with again_and_again(search):
        assert_healthz_answers(url)
        assert_healthz_answers(url, f"/v1/announcements/{id}", secret)
    assert 0 < max(reached) <= MOST_ROWS < MANY_ROWS


@contextmanager
def again_and_again(send: Callable[[requests.Session], object]) -> Iterator[None]:
    """Two of them at a time, as long as it is entered. The first ones are under way when the body begins."""
    stop = threading.Event()

    def run() -> None:
        with requests.Session() as session:
            while not stop.is_set():
                send(session)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def assert_healthz_answers(url: str, path: str = "/healthz", secret: str = "") -> None:
    """What keeps it from answering does so each time; a machine that does other things does not."""
    medians: list[float] = []
    while not medians or min(medians) >= MOST_SECONDS:
        assert len(medians) < TURNS, medians
        medians.append(statistics.median(_seconds(url + path, secret) for _ in range(CALLS)))


def _seconds(url: str, secret: str) -> float:
    began = time.perf_counter()
    assert requests.get(url, headers={"X-Api-Key": secret} if secret else {}, timeout=120).status_code == 200
    return time.perf_counter() - began
