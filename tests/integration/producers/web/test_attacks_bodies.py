"""What an attacker puts into a body, a payload or a file, and the clear no that it gets."""

import base64
import csv
import hashlib
import hmac
import io
import json
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator

import pytest

from ledger.api_key import Scope
from ledger.settings import Settings
from tests.calm import Stopwatch
from tests.integration.producers.web.attacked import ADA, JSON, MARK, PATH, to_attack, unharmed
from tests.integration.producers.web.web_thread import WebThread

__all__: list[str] = []

BODY = json.dumps(ADA).encode()


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    with to_attack(valkey, tmp_path_factory.mktemp("attacks")) as running:
        yield running


@pytest.fixture
def web(serving: WebThread, empty_valkey: Settings, caplog: pytest.LogCaptureFixture) -> Iterator[WebThread]:
    with unharmed(serving, caplog) as running:
        yield running


# -- bodies

DEEP = 100_000
BODIES: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "no JSON": (b"{" + MARK.encode(), 400),
    "a name twice": (BODY[:-1] + b', "text": "x"}', 400),
    "a name twice, further in": (b'{"receiver_id": "ou_ada", "message": {"a": 1, "a": 2}}', 400),
    "NaN": (BODY[:-1] + b', "at": NaN}', 400),
    "Infinity": (BODY[:-1] + b', "at": -Infinity}', 400),
    "a number too large": (BODY[:-1] + b', "at": 1e999}', 400),
    "a number of 5,000 digits": (BODY[:-1] + b', "at": ' + b"9" * 5000 + b"}", 400),
    "a number of 4,000 digits": (BODY[:-1] + b', "at": ' + b"9" * 4000 + b"}", 422),
    "a number as an id": (b'{"receiver_id": 99999999999999999999, "text": "x"}', 422),
    "bytes that are no UTF-8": (BODY.replace(b"fnord", b"\xff\xfe"), 400),
    "a surrogate in UTF-8": (BODY.replace(b"fnord", b"\xed\xa0\x80"), 400),
    "half of a surrogate pair": (BODY.replace(b"fnord", b"\\ud800"), 400),
    "UTF-16": (json.dumps(ADA).encode("utf-16"), 400),
    "a NUL in the id": (BODY.replace(b"ou_ada", b"ou_a\\u0000da"), 422),
    "a line end in the id": (BODY.replace(b"ou_ada", b"ou_a\\r\\nda"), 422),
    "nested too deep": (b'{"a":' * DEEP, 400),
    "lists too deep": (b"[" * DEEP, 400),
    "a card too deep": (
        b'{"receiver_id":"ou_ada","message":{"msg_type":"interactive","content":' + b'{"a":' * 150 + b"1" + b"}" * 152,
        422,
    ),
    "a million members": (b'{"notifications": [' + b"{}," * 300_000 + b"{}]}", 422),
    "1,001 notifications": (json.dumps({"notifications": [ADA] * 1001}).encode(), 422),
    "prototypes": (BODY[:-1] + b', "__proto__": {"desk": "hr"}}', 422),
    "a file of the server": (BODY.replace(b'"text"', b'"image"'), 422),
    "a file of the server as message": (b'{"receiver_id": "ou_ada", "message": "/etc/passwd"}', 422),
    "a file of the server in a message": (
        b'{"receiver_id":"ou_ada","message":{"msg_type":"image","content":{"file":"/etc/passwd"}}}',
        422,
    ),
    "a callback to a file": (BODY[:-1] + b', "callback_url": "file:///etc/passwd"}', 422),
    "a callback with a password": (BODY[:-1] + b', "callback_url": "https://a:b@hooks.example.com/"}', 422),
    "a callback with a line end": (BODY[:-1] + b', "callback_url": "https://hooks.example.com/\\r\\nX: y"}', 422),
}


@pytest.mark.parametrize("attack", BODIES)
def test_a_body_that_means_harm_is_a_clear_problem(web: WebThread, attack: str) -> None:
    body, status = BODIES[attack]
    watch = Stopwatch()
    answer = web.post(PATH, body, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert MARK not in answer.text
    assert watch.calm_seconds < 10


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({**JSON, "Content-Encoding": "gzip"}, 415),
        ({**JSON, "Content-Encoding": "br, gzip"}, 415),
        ({"Content-Type": "application/json; charset=utf-7"}, 415),
        ({**JSON, "Idempotency-Key": "k" * 251}, 422),
    ],
    ids=str,
)
def test_a_body_that_says_it_is_something_else_is_refused(web: WebThread, headers: dict[str, str], status: int) -> None:
    assert web.post(PATH, BODY, headers=headers).status_code == status


# -- hooks


def signed_by_github(body: bytes, secret: str = "hush-hush") -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {**JSON, "X-GitHub-Event": "ping", "X-GitHub-Delivery": "d1", "X-Hub-Signature-256": f"sha256={digest}"}


def signed(body: bytes, *, id: str = "msg_1", age_seconds: int = 0, secret: bytes = b"k" * 32) -> dict[str, str]:
    at = str(int(time.time()) - age_seconds)
    digest = hmac.new(secret, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {**JSON, "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature}


POSTED = json.dumps({"text": MARK}).encode()
GOOD = signed(POSTED)
OF_VERSION_2 = GOOD["webhook-signature"].replace("v1,", "v2,")
BY_GITHUB = signed_by_github(POSTED)
SHA_1 = "sha1=" + hmac.new(b"hush-hush", POSTED, "sha1").hexdigest()
SIGNATURES: dict[str, tuple[str, dict[str, str], bytes]] = {
    "none": ("github", JSON, POSTED),
    "of another secret": ("github", signed_by_github(POSTED, "guess"), POSTED),
    "of another body": ("github", BY_GITHUB, POSTED.replace(b"{", b"{ ")),
    "empty": ("github", {**JSON, "X-Hub-Signature-256": ""}, POSTED),
    "of SHA-1": ("github", {**JSON, "X-Hub-Signature": SHA_1}, POSTED),
    "twice": ("github", {**BY_GITHUB, "X-Hub-Signature-256": f"{BY_GITHUB['X-Hub-Signature-256']}, sha256=0"}, POSTED),
    "of another tool": ("signed", BY_GITHUB, POSTED),
    "ten minutes old": ("signed", signed(POSTED, age_seconds=600), POSTED),
    "of the day after tomorrow": ("signed", signed(POSTED, age_seconds=-172_800), POSTED),
    "with a new time": ("signed", {**GOOD, "webhook-timestamp": str(int(GOOD["webhook-timestamp"]) + 1)}, POSTED),
    "with a new id": ("signed", {**GOOD, "webhook-id": "msg_2"}, POSTED),
    "with a body changed": ("signed", GOOD, POSTED.replace(b"8812", b"8813")),
    "of another key": ("signed", signed(POSTED, secret=b"x" * 32), POSTED),
    "of an empty key": ("signed", signed(POSTED, secret=b""), POSTED),
    "without a time": ("signed", {name: GOOD[name] for name in GOOD if name != "webhook-timestamp"}, POSTED),
    "of a version to come": ("signed", {**GOOD, "webhook-signature": OF_VERSION_2}, POSTED),
    "a thousand guesses": ("signed", {**GOOD, "webhook-signature": " ".join(["v1,AAAA"] * 1000)}, POSTED),
    "an API key in its place": ("signed", {**JSON, "X-Api-Key": "KEY"}, POSTED),
}  # fmt: skip


@pytest.mark.parametrize("attack", SIGNATURES)
def test_a_signature_that_is_not_of_this_body_and_now_is_refused(web: WebThread, attack: str) -> None:
    key = web.secret(*Scope)
    hook, headers, body = SIGNATURES[attack]
    answer = web.post(f"/v1/hooks/{hook}", body, headers={n: v.replace("KEY", key) for n, v in headers.items()})
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:deskbell:problem:bad-signature")


HOOK_BODIES = {
    "a number of 5,000 digits": b'{"text": "a", "n": ' + b"9" * 5000 + b"}",
    "packed": b"\x1f\x8b\x08",
    "a form": b"payload=%7B%7D",
    "a list": b"[]",
    "nested too deep": b'{"text":' * DEEP,
}


@pytest.mark.parametrize("attack", HOOK_BODIES)
def test_a_payload_that_means_harm_is_a_clear_problem(web: WebThread, attack: str) -> None:
    answer = web.post("/v1/hooks/script", HOOK_BODIES[attack], headers=JSON)
    assert (answer.status_code, answer.json()["field"]) == (422, "body")


def test_events_of_feishu_that_prove_nothing_are_refused(web: WebThread) -> None:
    for body in (b"[" * DEEP, b"{}", b'{"encrypt": "AAAA"}', b'{"type": "url_verification", "challenge": "x"}'):
        answer = web.post("/v1/feishu/events", body, headers=JSON)
        assert answer.status_code in (400, 401, 403)
        assert answer.headers["content-type"] == "application/problem+json"


# -- Jinja in what callers write

TEMPLATES = [
    "{{ ''.__class__.__mro__ }}",
    "{{ name.__class__ }}",
    "{{ name['__class__'] }}",
    "{{ name|attr('__class__') }}",
    "{{ '%s'|format(name.__init__.__globals__) }}",
    "{{ '{0.__class__}'.format(name) }}",
    "{{ '%999999999s'|format(name) }}",
    "{{ cycler.__init__.__globals__.os.popen('id') }}",
    "{{ self._TemplateReference__context }}",
    "{{ lipsum() }}",
    "{% include '/etc/passwd' %}",
    "{% set a = name %}",
    "{% for i in range(99999999) %}x{% endfor %}",
    "{% for i in range(500) %}{% for j in range(500) %}{{ name }}{% endfor %}{% endfor %}",
    "{{ 'a' * 999999999 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ range(999999999)|list|length }}",
    "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "{{ name",
]


@pytest.mark.parametrize("source", TEMPLATES, ids=lambda source: source[:40])
def test_a_template_that_reaches_out_or_never_ends_is_refused_at_once(web: WebThread, source: str) -> None:
    rows = {"name": "n", "text": source, "rows": [{"receiver_id": "ou_ada", "name": MARK}]}
    watch = Stopwatch()
    answer = web.post("/v1/announcements", rows)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text
    assert MARK not in answer.text
    assert watch.calm_seconds < 10


# -- files


def spread(head: bytes, filler: bytes, count: int, tail: bytes = b"") -> bytes:
    return head + filler * count + tail


def workbook(part: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(part, content)
    return file.getvalue()


FILES = {
    "quotes": ("people.csv", spread(b"receiver_id,name\n", b'"', 20_000_000)),
    "an odd number of quotes": ("people.csv", spread(b"receiver_id,name\nou_ada,", b'"', 20_000_001)),
    "a line of 20 MB": ("people.csv", spread(b"receiver_id,name\nou_ada,", b"x", 20_000_000)),
    "a header of 20 MB": ("people.csv", spread(b"receiver_id,", b"x", 20_000_000)),
    "a million columns": ("people.csv", spread(b"receiver_id", b",x", 1_000_000)),
    "a row of a million cells": ("people.csv", spread(b"receiver_id,name\nou_ada", b",x", 1_000_000)),
    "NULs": ("people.csv", spread(b"receiver_id,name\nou_ada,", b"\0", 100)),
    "a line of JSONL too deep": ("people.jsonl", spread(b'{"receiver_id": "ou_ada", "a": ', b"[", 5_000_000)),
    "a name twice in a line": ("people.jsonl", b'{"receiver_id": "ou_ada", "receiver_id": "ou_eve"}\n'),
    "a zip bomb": ("people.xlsx", workbook("xl/worksheets/sheet1.xml", bytes(80 * 1024 * 1024))),
    "a bomb of texts": ("people.xlsx", workbook("xl/sharedStrings.xml", bytes(80 * 1024 * 1024))),
    "a workbook that is none": ("people.xlsx", workbook("../../etc/passwd", b"x")),
    "a path as its name": ("../../../etc/passwd", b"name\nAda\n"),
}


@pytest.mark.parametrize("attack", FILES)
def test_a_file_that_means_harm_is_refused_before_it_takes_long(web: WebThread, attack: str) -> None:
    watch = Stopwatch()
    answer = web.post("/v1/announcements", files={"recipients": FILES[attack]}, data={"text": "Dear {{ name }}"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), answer.text[:500]
    assert "etc/" not in answer.text
    assert watch.calm_seconds < 30


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pixels(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is so large."""
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    data = png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + data + png_chunk(b"IEND", b"")


ALIASES = b"a: &a [x, x]\nb: &b [*a, *a]\nmsg_type: text\ncontent: {text: *b}\n"
PARTS: dict[str, tuple[str, tuple[str, bytes], int]] = {
    "YAML that multiplies": ("message", ("m.yaml", ALIASES), 422),
    "YAML that makes objects": ("message", ("m.yaml", b"!!python/object/apply:os.system [id]"), 422),
    "a message of 1 MB": ("message", ("m.json", b" " * 1_000_000), 422),
    "a file of the server": ("message", ("m.json", b'{"msg_type": "image", "content": {"file": "/etc/passwd"}}'), 422),
    "an image of another": ("message", ("m.json", b'{"msg_type":"image","content":{"image_sha256":"00"}}'), 422),
    "a picture of ten gigapixels": ("image", ("p.png", pixels(100_000, 100_000)), 422),
    "a script as a picture": ("image", ("p.svg", b"<svg onload='alert(1)'/>"), 422),
    "more than is held": ("image", ("p.png", b"x" * 12_000_000), 413),
}


@pytest.mark.parametrize("attack", PARTS)
def test_a_part_that_means_harm_is_refused(web: WebThread, attack: str) -> None:
    name, part, status = PARTS[attack]
    files = {"recipients": ("people.csv", b"receiver_id\nou_ada\n"), name: part}
    answer = web.post("/v1/announcements", files=files)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert "etc/" not in answer.text


def test_parts_that_are_held_are_few_bytes_together(web: WebThread) -> None:
    files = {f"part{number}": (None, b"x" * 3_000_000) for number in range(6)}
    answer = web.post("/v1/announcements", files=files)
    assert answer.status_code == 413
    assert "together" in answer.json()["detail"]


# -- what may be sent, and does no harm


def test_the_same_without_harm_is_accepted(serving: WebThread, empty_valkey: Settings) -> None:
    """Else the refusals above would say nothing."""
    assert serving.post(PATH, BODY, headers=JSON).status_code == 202
    assert serving.post("/v1/hooks/github", POSTED, headers=BY_GITHUB).status_code == 200
    assert serving.post("/v1/hooks/signed", POSTED, headers=signed(POSTED)).status_code == 202
    files = {"recipients": ("people.csv", b"receiver_id,name\nou_ada,Ada\n")}
    assert serving.post("/v1/announcements", files=files, data={"text": "Dear {{ name }}"}).status_code == 202


def test_a_signed_message_that_is_replayed_is_the_same_one(serving: WebThread, empty_valkey: Settings) -> None:
    good = signed(POSTED)
    answers = [serving.post("/v1/hooks/signed", POSTED, headers=good).json()["accepted"][0] for _ in range(3)]
    assert [answer["duplicate"] for answer in answers] == [False, True, True]
    assert len(list(serving.context.ledger.events())) == 1


@pytest.mark.parametrize(
    ("text", "arrives"),
    [
        ("{{ ''.__class__ }}", "{{ ''.__class__ }}"),
        ("{% for i in range(9) %}x{% endfor %}", "{% for i in range(9) %}x{% endfor %}"),
        ("{0.__class__} %s %(x)s ${x}", "{0.__class__} %s %(x)s ${x}"),
        ('<at user_id="all"></at>', '＜at user_id="all">＜/at>'),
        ("<AT id=all>", "＜AT id=all>"),
    ],
)
def test_what_a_payload_says_is_text_and_mentions_nobody(
    serving: WebThread, empty_valkey: Settings, text: str, arrives: str
) -> None:
    [accepted] = serving.post("/v1/hooks/script", {"text": text}).json()["accepted"]
    content = serving.context.ledger.get(accepted["id"]).notification.message.content
    assert arrives in str(content["text"])


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "＝1+1", "＠SUM(1)"])
def test_no_cell_of_an_export_is_run_by_a_spreadsheet(serving: WebThread, empty_valkey: Settings, cell: str) -> None:
    rows = {"name": "n", "text": "{{ x }} {{ y }}", "rows": [{"receiver_id": "ou_ada", "x": cell, "y": "1"}]}
    id = serving.post("/v1/announcements", rows).json()["id"]
    table = serving.get(f"/v1/announcements/{id}/results?format=csv").content.decode("utf-8-sig")
    [_, row] = csv.reader(io.StringIO(table, newline=""))
    assert row[1] == f"'{cell}"
    assert json.loads(serving.get(f"/v1/announcements/{id}/results?format=jsonl").content)["x"] == cell
