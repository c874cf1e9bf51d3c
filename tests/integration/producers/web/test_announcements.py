"""Announcements over HTTP, by real sockets and a real Valkey: handing in, asking, deciding."""

import io
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import requests
from PIL import Image

from deskbell import Announced, Notifier
from ledger.api_key import KeyLimits, Scope
from ledger.api_keys import ApiKeys
from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.cli.command_line import run
from tests.integration.producers.cli.announcing_desk import Worker
from tests.integration.producers.web.web_thread import WebThread, with_files

__all__: list[str] = []

CSV = b"receiver_id,name\nou_ada,Ada\nou_bob,Bob\n"
JSONL = b'{"receiver_id": "ou_ada", "name": "Ada"}\n{"receiver_id": "ou_bob", "name": "Bob"}\n'
ROWS = [{"receiver_id": "ou_ada", "name": "Ada"}, {"receiver_id": "ou_bob", "name": "Bob"}]
TEXT = "Dear {{ name }}"
YAML = b"msg_type: text\ncontent: {text: 'Dear {{ name }}'}\n"
MESSAGE = {"msg_type": "text", "content": {"text": TEXT}}
SECONDS = 120


@pytest.fixture(scope="module")
def serving(valkey: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebThread]:
    unlimited = valkey.model_copy(update={"rate": ()})
    folder = tmp_path_factory.mktemp("desks")
    with WebThread(with_files(unlimited, folder, desks='[desk.hr]\nrate = "unlimited"\n')) as running:
        yield running


@pytest.fixture
def url(web: WebThread) -> str:
    return f"{web.url}/v1/announcements"


def key_of(
    ledger: Ledger, *scopes: Scope, desks: frozenset[str] | None = None, name: str = "grafana"
) -> dict[str, str]:
    """The headers that carry it."""
    _, secret = ApiKeys(ledger).create(name, frozenset(scopes or Scope), desks, None, "test")
    return {"Authorization": f"Bearer {secret}"}


def uploaded(url: str, file: tuple[str, bytes] = ("people.csv", CSV), **fields: Any) -> requests.Response:
    headers = fields.pop("headers", {})
    files = {"recipients": file, **fields.pop("files", {})}
    body = {} if {"message", "image"} & files.keys() else {"text": TEXT}
    return requests.post(url, files=files, data={**body, **fields}, headers=headers, timeout=SECONDS)


def posted(url: str, headers: dict[str, str] | None = None, **members: Any) -> requests.Response:
    return requests.post(url, json={"name": "Move", **members}, headers=headers, timeout=SECONDS)


def announced(url: str, count: int = 3, **members: Any) -> str:
    rows = [{"receiver_id": f"ou_{n}", "name": f"P{n}"} for n in range(count)]
    answer = posted(url, rows=rows, **{"text": TEXT, **members})
    assert answer.status_code == 202, answer.text
    id: str = answer.json()["id"]
    return id


def asked(url: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
    answer = requests.get(url, params=query, headers=headers, timeout=SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.json()


def an_xlsx() -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in (("receiver_id", "name"), ("ou_ada", "Ada"), ("ou_bob", "Bob")):
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def an_image() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "PNG")
    return file.getvalue()


def is_untouched(ledger: Ledger) -> bool:
    return not list(ledger.announcements.newest()) and not ledger.redis.keys("*rows*")


# -- handing in


@pytest.mark.parametrize(
    "file",
    [
        ("people.csv", CSV),
        ("people.jsonl", JSONL),
        ("people.xlsx", an_xlsx()),
        ("C:\\Users\\ada\\people.csv", CSV),
        ("../../people.csv", CSV),
        ("people", JSONL),
    ],
)
def test_a_file_is_accepted_like_one_of_the_command_line(url: str, ledger: Ledger, file: tuple[str, bytes]) -> None:
    answer = uploaded(url, file)
    assert (answer.status_code, answer.json()["total"], answer.json()["duplicate"]) == (202, 2, False)
    standing = ledger.announcements.get(answer.json()["id"])
    assert (standing.spec.name, standing.spec.message) == ("people", MESSAGE)
    rows = list(ledger.announcements.rows(standing.id))
    assert [(found.row.receiver_id, found.row.values) for found in rows] == [("ou_ada", ("Ada",)), ("ou_bob", ("Bob",))]


@pytest.mark.parametrize(
    "message",
    [
        ("m.yaml", YAML),
        ("m.json", json.dumps(MESSAGE).encode()),
        ("message", YAML),
        ("message", json.dumps(MESSAGE).encode()),
        (None, json.dumps(MESSAGE).encode()),
        (None, YAML),
    ],
)
def test_the_message_is_a_file_or_a_field_in_json_or_yaml(url: str, ledger: Ledger, message: Any) -> None:
    answer = uploaded(url, files={"message": message}, name="Move")
    assert answer.status_code == 202, answer.text
    assert ledger.announcements.get(answer.json()["id"]).spec.message == MESSAGE


def test_the_options_are_fields_of_the_form(url: str, ledger: Ledger) -> None:
    answer = uploaded(
        url, name="Move", desk="hr", weight="3", between="00:00-23:59", timezone="Asia/Shanghai", receive_type="user",
        on_unknown="resend", expires="2d", at="", skip_invalid="true",
    )  # fmt: skip
    spec = ledger.announcements.get(answer.json()["id"]).spec
    assert (spec.name, spec.desk, spec.weight, spec.between) == ("Move", "hr", 3, "00:00-23:59")
    assert (spec.receive_type, spec.on_unknown, spec.at) == ("user", "resend", None)
    assert spec.expires_at is not None


def test_rows_may_come_as_json(url: str, ledger: Ledger) -> None:
    answer = posted(url, rows=[*ROWS, {"receiver_id": "ou_cid", "name": 12345678901234567890}], message=MESSAGE)
    assert (answer.status_code, answer.json()["total"]) == (202, 3)
    rows = list(ledger.announcements.rows(answer.json()["id"]))
    assert rows[2].row.values == ("12345678901234567890",)


def test_an_image_is_a_message_and_its_bytes_are_in_the_ledger(url: str, ledger: Ledger) -> None:
    answer = uploaded(url, files={"image": ("poster.png", an_image())})
    assert answer.status_code == 202, answer.text
    content = ledger.announcements.get(answer.json()["id"]).spec.message["content"]
    assert isinstance(content, dict)
    assert ledger.redis.get(ledger.keys.image(str(content["image_sha256"]))) == an_image()


def test_the_same_again_is_a_duplicate(url: str) -> None:
    first, again = uploaded(url), uploaded(url, name="Another")
    assert again.json() == {**first.json(), "duplicate": True}
    assert uploaded(url, weight="2").json()["duplicate"] is False


def test_a_key_stands_for_one_content_in_the_header_or_the_form(url: str) -> None:
    first = uploaded(url, headers={"Idempotency-Key": "k"})
    assert uploaded(url, key="k").json() == {**first.json(), "duplicate": True}
    other = uploaded(url, weight="2", headers={"Idempotency-Key": "k"})
    assert (other.status_code, other.json()["type"]) == (422, "urn:deskbell:problem:key-reused")
    assert other.json()["first_id"] == first.json()["id"]
    two = uploaded(url, key="a", headers={"Idempotency-Key": "b"})
    assert (two.status_code, two.json()["field"]) == (422, "key")


def test_what_the_dry_run_says_is_what_the_command_line_says(
    url: str, ledger: Ledger, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, valkey: Settings
) -> None:
    monkeypatch.setenv("DESKBELL_DATA_DIR", str(valkey.data_dir))
    monkeypatch.setenv("DESKBELL_RATE", "unlimited")
    file = CSV + b"no id,Eve\nou_ada,Ada\n"
    Path("people.csv").write_bytes(file)
    assert run(["announce", "people.csv", "--text", TEXT, "--dry-run", "--json"]) == 2
    printed = json.loads(capsys.readouterr().out)
    answer = uploaded(url, ("people.csv", file), dry_run="true")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], told["invalid"], told["duplicates"], told["problems"][0]["line"]) == (2, 1, 1, 4)
    times = {"starts_at": None, "finishes_at": None}
    assert told | times == printed | times
    assert posted(url, rows=ROWS, text=TEXT, dry_run=True).json()["samples"][0]["content"] == {"text": "Dear Ada"}
    assert is_untouched(ledger)


def test_invalid_rows_are_told_one_by_one_and_nothing_is_accepted(url: str, ledger: Ledger) -> None:
    file = CSV + b"no id,Eve\n" + b"ou_x,X,Y\n" * 200
    answer = uploaded(url, ("people.csv", file))
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (422, "urn:deskbell:problem:bad-input")
    assert problem["field"] == 'line 4, column "receiver_id"'
    assert problem["detail"].endswith("(and 200 more problems)")
    assert (problem["error_count"], len(problem["errors"]), problem["rows"]) == (201, 100, 203)
    assert problem["errors"][1] == {
        "line": 5,
        "column": None,
        "problem": "has 3 cells, but the header names 2",
    }
    assert is_untouched(ledger)


def test_invalid_rows_may_be_skipped(url: str) -> None:
    assert uploaded(url, ("people.csv", CSV + b"no id,Eve\n"), skip_invalid="true").json()["total"] == 2


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"text": "Dear {{ nobody }}"}, "message.content.text", 'there is no column "nobody"'),
        ({"text": ""}, "message", "give one of text, markdown, message and template"),
        ({"desk": "it"}, "desk", "there is no desk 'it'"),
        ({"weight": "many"}, "weight", "a whole number"),
        ({"weight": "101"}, "weight", "must be 100 or less"),
        ({"receive_type": "mail"}, "receive_type", "must be 'chat' or 'user'"),
        ({"skip_invalid": "perhaps"}, "skip_invalid", "must be true or false"),
        ({"at": "soon"}, "at", "is not a valid time"),
        ({"expires": "2020-01-01T00:00Z"}, "expires", "in the past"),
        ({"expires": "2020-01-01T00:00"}, "expires", "has no offset"),
        ({"at": "2020-01-01T00:00Z"}, "at", "days ago"),
        ({"at": "2h", "timezone": "Nowhere"}, "timezone", "is not a time zone"),
        ({"between": "09:00-18:00"}, "timezone", "goes with between"),
        ({"timezone": ""}, "timezone", "'' is not a time zone"),
        ({"timezone": "Asia/Shanghai"}, "timezone", "goes with between"),
        ({"columns": "x"}, "columns", "is not a known field"),
        ({"rows": "/etc/passwd"}, "rows", "is not a known field"),
        ({"message": "[1]"}, "message", "must be an object with msg_type and content, not a list"),
        ({"message": "{msg_type: text"}, "message", "is not"),
        ({"key": "k" * 257}, "key", "1 to 256 characters"),
        ({"name": "n" * 201}, "name", "at most 200 characters"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_accepted(
    url: str, ledger: Ledger, fields: dict[str, Any], field: str, said: str
) -> None:
    answer = uploaded(url, **fields)
    assert answer.status_code == 422, answer.text
    assert (answer.json()["field"], said in answer.json()["detail"]) == (field, True), answer.text
    assert is_untouched(ledger)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({}, "rows"),
        ({"rows": "/etc/passwd"}, "rows"),
        ({"rows": []}, "rows"),
        ({"rows": ["ou_ada"]}, "rows[0]"),
        ({"rows": [{"receiver_id": "ou_ada", "name": "A", "send_at": "2099-11-30T09:00"}]}, 'line 1, column "send_at"'),
        ({"rows": [{"receiver_id": "ou_ada", "price": 1.5}]}, "rows[0].'price'"),
        ({"rows": [{"receiver_id": "ou_ada", "name": ["a"]}]}, 'line 1, column "name"'),
        ({"rows": ROWS, "text": 5}, "text"),
        ({"rows": ROWS, "at": 5}, "at"),
        ({"rows": ROWS, "name": 5}, "name"),
        ({"rows": ROWS, "skip_invalid": "false"}, "skip_invalid"),
        ({"rows": ROWS, "message": "hi"}, "message"),
        ({"rows": ROWS, "message": {"msg_type": "image", "content": {"file": "/etc/passwd"}}}, "message.content.file"),
        (
            {"rows": ROWS, "message": {"msg_type": "image", "content": {"image_sha256": "0" * 64}}},
            "message.content.image_sha256",
        ),
        ({"rows": ROWS, "recipients": "/etc/passwd"}, "recipients"),
        ({"rows": ROWS, "image": "/etc/passwd"}, "image"),
    ],
)
def test_a_wrong_member_is_named_and_nothing_accepted(
    url: str, ledger: Ledger, members: dict[str, Any], field: str
) -> None:
    body = {"text": TEXT} if "message" not in members else {}
    answer = posted(url, **{**body, **members})
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert is_untouched(ledger)


@pytest.mark.parametrize(
    ("files", "field"),
    [
        ({"message": ("m.yaml", b"msg_type: image\ncontent: {file: /etc/hostname}\n")}, "message.content.file"),
        ({"message": ("m.json", b'{"msg_type": "text", "content"')}, "message"),
        ({"message": ("m.json", b"\xff")}, "message"),
        ({"image": ("poster.png", b"GIF")}, "image"),
        ({"image": ("poster.png", an_image()), "message": ("m.yaml", YAML)}, "image"),
        ({"recipients": ("people.csv", b"")}, "people.csv"),
        ({"recipients": ("people.csv", b"name\nAda\n")}, "people.csv"),
        ({"recipients": ("people.csv", b"receiver_id,name\n")}, "people.csv"),
        ({"recipients": ("people.xls", b"\xd0\xcf\x11\xe0")}, "people.xls"),
        ({"recipients": ("people.xlsx", b"PK\x03\x04")}, "people.xlsx"),
        ({"recipients": (None, b"/etc/passwd")}, "recipients"),
    ],
)
def test_a_wrong_file_is_named_and_no_file_of_the_server_is_read(
    url: str, ledger: Ledger, files: dict[str, Any], field: str
) -> None:
    file = files.pop("recipients", ("people.csv", CSV))
    answer = uploaded(url, file, files=files)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert is_untouched(ledger)


def part(name: str, content: bytes = b"x", *, file_name: str | None = None) -> bytes:
    named = f'; filename="{file_name}"' if file_name else ""
    return f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


RECIPIENTS = part("recipients", CSV, file_name="people.csv")
END = b"--b--\r\n"
FORM = "multipart/form-data; boundary=b"


@pytest.mark.parametrize(
    ("content_type", "body", "status", "said"),
    [
        ("multipart/form-data", RECIPIENTS + END, 400, "names no boundary"),
        (f"multipart/form-data; boundary={'b' * 1000}", RECIPIENTS + END, 400, "not built as"),
        (FORM, RECIPIENTS, 400, "ends before its last boundary"),
        (FORM, RECIPIENTS[:-20], 400, "ends before its last boundary"),
        (FORM, b"", 400, "ends before its last boundary"),
        (FORM, b"receiver_id\n", 400, "not built as"),
        (FORM, b"--b\r\n\r\nx\r\n" + END, 400, "without a name"),
        (FORM, RECIPIENTS + RECIPIENTS + END, 400, "'recipients' appears twice"),
        (FORM, part("text") + part("text") + RECIPIENTS + END, 400, "'text' appears twice"),
        (FORM, part("text", b"\xff") + RECIPIENTS + END, 400, "the part text is not UTF-8"),
        (FORM, b"".join(part(f"p{n}") for n in range(60)) + END, 400, "more than 50 parts"),
        (FORM, part("image", b"x" * 12_000_000) + END, 413, "has more than"),
        (FORM, END, 422, "is missing"),
        (FORM, part("text") + END, 422, "is missing"),
        ("text/csv", CSV, 415, "send JSON"),
        ("application/json", b'{"rows": [], "rows": []}', 400, "appears twice"),
    ],
)
def test_what_is_no_such_form_is_refused(
    url: str, ledger: Ledger, content_type: str, body: bytes, status: int, said: str
) -> None:
    answer = requests.post(url, data=body, headers={"Content-Type": content_type}, timeout=SECONDS)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), answer.text
    assert said in answer.json()["detail"]
    assert is_untouched(ledger)


def test_several_who_hand_in_the_same_at_once_get_one(web: WebThread, ledger: Ledger) -> None:
    rows = [{"receiver_id": f"ou_{n}", "name": f"P{n}"} for n in range(2000)]

    def hand_in(_: int) -> Announced:
        with Notifier.http(web.url) as notifier:
            return notifier.announce(rows, text=TEXT, name="Move")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(hand_in, range(4)))
    assert {(answer.id, answer.total) for answer in answers} == {(answers[0].id, 2000)}
    assert [found.id for found in ledger.announcements.newest()] == [answers[0].id]
    assert sum(ledger.announcements.get(answers[0].id).counts.values()) == 2000


def test_who_hangs_up_in_the_middle_has_handed_in_nothing(web: WebThread, url: str, ledger: Ledger) -> None:
    host, _, port = web.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), SECONDS) as connection:
        head = f"POST /v1/announcements HTTP/1.1\r\nHost: {host}\r\nContent-Type: {FORM}\r\nContent-Length: 999\r\n\r\n"
        connection.sendall(head.encode() + RECIPIENTS)
    assert uploaded(url, name="After").json()["duplicate"] is False
    assert [found.spec.name for found in ledger.announcements.newest()] == ["After"]


# -- asking


def test_it_is_shown_as_the_command_line_shows_it(url: str, ledger: Ledger) -> None:
    id = announced(url)
    Worker(ledger).deliver(1)
    shown = asked(f"{url}/{id}")
    assert (shown["state"], shown["total"], shown["counts"]) == ("running", 3, {"delivered": 1, "queued": 2})
    assert shown.keys() == ledger.announcements.get(id).as_json().keys()


def test_a_list_keeps_its_place_while_others_come_in(url: str) -> None:
    ids = [announced(url, weight=n + 1) for n in range(5)]
    first = asked(url, limit=2)
    announced(url, weight=9)
    second = asked(url, limit=2, cursor=first["next"])
    third = asked(url, limit=2, cursor=second["next"])
    listed = [each["id"] for page in (first, second, third) for each in page["announcements"]]
    assert listed == list(reversed(ids))
    assert third["next"] is None


def test_a_list_goes_on_behind_a_record_that_has_gone(url: str, ledger: Ledger) -> None:
    older, gone, _ = (announced(url, weight=n + 1) for n in range(3))
    ledger.redis.zrem(ledger.keys.announcements, gone)
    assert [each["id"] for each in asked(url, cursor=gone)["announcements"]] == [older]


def test_a_list_may_be_of_one_state_or_one_desk(url: str) -> None:
    paused, other = announced(url), announced(url, desk="hr")
    requests.post(f"{url}/{paused}/pause", timeout=SECONDS)
    assert [each["id"] for each in asked(url, state="paused")["announcements"]] == [paused]
    assert [each["id"] for each in asked(url, desk="hr")["announcements"]] == [other]


@pytest.mark.parametrize("query", ["cursor=x", "limit=0", "limit=501", "limit=x", "state=asleep", "desk=it"])
def test_a_wrong_query_is_named(url: str, query: str) -> None:
    answer = requests.get(f"{url}?{query}", timeout=SECONDS)
    assert (answer.status_code, answer.json()["field"]) == (422, query.partition("=")[0])


def test_results_come_in_pages(url: str, ledger: Ledger) -> None:
    id = announced(url, count=5)
    Worker(ledger).fail(2)
    first = asked(f"{url}/{id}/results", limit=3)
    second = asked(f"{url}/{id}/results", limit=3, cursor=first["next"])
    rows = first["results"] + second["results"]
    assert [row["receiver_id"] for row in rows] == [f"ou_{n}" for n in range(5)]
    assert [row["state"] for row in rows] == ["failed", "failed", "queued", "queued", "queued"]
    assert (rows[0]["error_code"], rows[0]["name"], second["next"]) == (154004, "P0", None)
    assert asked(f"{url}/{id}/results", cursor=99) == {"results": [], "next": None}


@pytest.mark.parametrize("written_as", ["csv", "jsonl"])
def test_results_as_a_file_are_the_export_of_the_command_line(
    url: str, ledger: Ledger, written_as: str, monkeypatch: pytest.MonkeyPatch, valkey: Settings
) -> None:
    monkeypatch.setenv("DESKBELL_DATA_DIR", str(valkey.data_dir))
    id = announced(url, count=1200)
    Worker(ledger).fail(700)
    assert run(["export", id, "--format", written_as, "-o", "out"]) == 0
    answer = requests.get(f"{url}/{id}/results", params={"format": written_as}, timeout=SECONDS)
    assert answer.content == Path("out").read_bytes()
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{id}.{written_as}"'


# -- deciding


def decided(url: str, headers: dict[str, str] | None = None, **body: Any) -> requests.Response:
    return requests.post(url, json=body or None, headers=headers, timeout=SECONDS)


def test_who_pauses_and_resumes_is_on_record_by_the_name_of_the_key(url: str, ledger: Ledger) -> None:
    key = key_of(ledger, name="grafana")
    id = announced(url, headers=key)
    for verb, state in (("pause", "paused"), ("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        answer = decided(f"{url}/{id}/{verb}", key)
        assert (answer.status_code, answer.json()) == (200, {"id": id, "state": state})
    acts = asked(f"{url}/{id}", key)["acts"]
    assert [(act["by"], act["did"]) for act in acts] == [
        ("key grafana", "announce"),
        ("key grafana", "pause"),
        ("key grafana", "resume"),
        ("key grafana", "cancel"),
    ]
    refused = decided(f"{url}/{id}/resume", key)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:deskbell:problem:not-allowed")


def test_it_pauses_after_its_first_rows_and_resume_sends_the_rest(url: str, ledger: Ledger) -> None:
    by_json, by_form = announced(url, first=1, stop_at=5), uploaded(url, first="1", stop_at="5%", key="k").json()["id"]
    Worker(ledger).deliver()
    for id in (by_json, by_form):
        told = asked(f"{url}/{id}")
        assert (told["state"], told["paused_by"], told["first"], told["stop_at"]) == ("paused", "first_n", 1, "5%")
        assert decided(f"{url}/{id}/resume").json() == {"id": id, "state": "running"}
        assert asked(f"{url}/{id}")["paused_by"] is None
    Worker(ledger).deliver()
    assert [asked(f"{url}/{id}")["ended"] for id in (by_json, by_form)] == ["complete", "complete"]


@pytest.mark.parametrize("first", [0, -1, 1.5, True, "many"])
@pytest.mark.parametrize("stop_at", [None, 100, True, 0.05, "0.05"])
def test_what_is_no_number_of_rows_or_no_share_is_refused(
    url: str, ledger: Ledger, first: object, stop_at: object
) -> None:
    answer = posted(url, rows=ROWS, text=TEXT, **({"first": first} if stop_at is None else {"stop_at": stop_at}))
    assert answer.status_code == 422
    assert answer.json()["field"] == ("first" if stop_at is None else "stop_at")
    assert is_untouched(ledger)


def test_markdown_is_a_card_by_json_and_by_form_and_its_line_is_told(url: str, ledger: Ledger) -> None:
    source = "# Move\n\nDear **{{ name }}**"
    for answer in (
        posted(url, rows=ROWS, markdown=source, dry_run=True),
        requests.post(
            url,
            files={"recipients": ("p.csv", CSV)},
            data={"markdown": source, "dry_run": "true"},
            timeout=SECONDS,
        ),
    ):
        card = answer.json()["samples"][0]["content"]
        assert card["header"]["title"]["content"] == "Move"
        assert card["elements"][0]["text"]["content"] == "Dear **Ada**"
    refused = posted(url, rows=ROWS, markdown="a\n\n```\nb\n```")
    assert (refused.status_code, refused.json()["field"]) == (422, "markdown")
    assert "line 3" in refused.json()["detail"]


def test_failed_and_unknown_rows_are_sent_again_or_settled(url: str, ledger: Ledger) -> None:
    id = announced(url, count=6)
    Worker(ledger).fail(2)
    assert decided(f"{url}/{id}/retry").json() == {"id": id, "rows": 2}
    Worker(ledger).lose(6)
    assert decided(f"{url}/{id}/retry").json()["rows"] == 0
    assert asked(f"{url}/{id}")["counts"] == {"unknown": 6}
    assert requests.post(f"{url}/{id}/resolve", json={"as": "delivered"}, timeout=SECONDS).json()["rows"] == 6
    assert asked(f"{url}/{id}")["ended"] == "complete"


@pytest.mark.parametrize(
    ("verb", "body", "field"),
    [
        ("resolve", {"as": "lost"}, "as"),
        ("resolve", {"as": ["delivered"]}, "as"),
        ("resolve", {"was": "delivered"}, "'was'"),
        ("retry", {"state": "queued"}, "state"),
    ],
)
def test_a_wrong_decision_is_named(url: str, verb: str, body: dict[str, Any], field: str) -> None:
    answer = decided(f"{url}/{announced(url)}/{verb}", **body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


VERBS = ("", "/results", "/results?format=csv", "/pause", "/resume", "/cancel", "/retry", "/resolve")


def of(url: str, id: str, verb: str, headers: dict[str, str] | None = None) -> requests.Response:
    if verb.startswith("/results") or not verb:
        return requests.get(f"{url}/{id}{verb}", headers=headers, timeout=SECONDS)
    body: dict[str, Any] = {"as": "failed"} if verb == "/resolve" else {}
    return decided(f"{url}/{id}{verb}", headers, **body)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("id", ["a_nowhere", "n_06hzb2k1c9f3q8rd", "..%2Fconsole", "a_%00"])
def test_an_id_that_is_none_is_not_found(url: str, id: str, verb: str) -> None:
    answer = of(url, id, verb)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("verb", VERBS)
def test_a_key_for_one_desk_reaches_no_other(url: str, ledger: Ledger, verb: str) -> None:
    mine, other = announced(url, desk="hr"), announced(url)
    key = key_of(ledger, desks=frozenset({"hr"}))
    assert of(url, other, verb, key).status_code == 403
    assert of(url, mine, verb, key).status_code in (200, 409)
    assert [did for _, _, did in ledger.announcements.get(other).acts] == ["announce"]


def test_a_key_for_one_desk_lists_and_hands_in_for_it_alone(url: str, ledger: Ledger) -> None:
    mine, _ = announced(url, desk="hr"), announced(url)
    key = key_of(ledger, desks=frozenset({"hr"}))
    assert [each["id"] for each in asked(url, key)["announcements"]] == [mine]
    assert requests.get(url, params={"desk": "default"}, headers=key, timeout=SECONDS).status_code == 403
    for dry_run in (False, True):
        assert posted(url, key, rows=ROWS, text=TEXT, dry_run=dry_run).status_code == 403
    assert posted(url, key, rows=ROWS, text=TEXT, desk="hr").status_code == 202


@pytest.mark.parametrize(
    ("scope", "verb", "status"),
    [
        *[(Scope.READ, verb, 200 if verb.startswith("/results") or not verb else 403) for verb in VERBS],
        *[(Scope.SEND, verb, 403) for verb in VERBS],
        *[(Scope.OPERATE, verb, 403) for verb in VERBS[:3]],
        (Scope.OPERATE, "/pause", 200),
    ],
)
def test_a_key_does_what_its_scope_says(url: str, ledger: Ledger, scope: Scope, verb: str, status: int) -> None:
    id = announced(url)
    assert of(url, id, verb, key_of(ledger, scope)).status_code == status


@pytest.mark.parametrize("scope", Scope)
def test_handing_in_needs_its_own_scope(url: str, ledger: Ledger, scope: Scope) -> None:
    status = 202 if scope is Scope.ANNOUNCE else 403
    assert posted(url, key_of(ledger, scope), rows=ROWS, text=TEXT).status_code == status
    assert posted(url, rows=ROWS, text=TEXT, weight=2).status_code == 401


# -- limits of a key


def limited(ledger: Ledger, **limits: int) -> dict[str, str]:
    _, secret = ApiKeys(ledger).create("hr", frozenset(Scope), None, None, "test", KeyLimits(**limits))
    return {"Authorization": f"Bearer {secret}"}


def test_a_key_announces_to_no_more_rows_at_once_than_it_may(url: str, ledger: Ledger) -> None:
    key = limited(ledger, max_rows=2)
    assert posted(url, key, rows=ROWS, text=TEXT).status_code == 202
    refused = posted(url, key, rows=[*ROWS, {"receiver_id": "ou_eve", "name": "Eve"}], text=TEXT)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:deskbell:problem:key-limit")
    assert refused.json()["detail"] == "hr may announce to at most 2 rows at once"
    assert len(ledger.announcements.ids()) == 1


def test_a_key_has_so_many_notifications_a_day_and_a_repeat_is_none(url: str, ledger: Ledger) -> None:
    key, events = limited(ledger, daily=4), url.replace("announcements", "notifications")
    for _ in range(3):
        assert posted(url, key, rows=ROWS, text=TEXT).status_code == 202, "the same announcement"
    event = {"receiver_id": "ou_ada", "text": "x", "key": "k"}
    for _ in range(3):
        assert requests.post(events, json=event, headers=key, timeout=SECONDS).status_code == 202, "the same event"
    assert posted(url, key, rows=ROWS, text=TEXT, weight=2).status_code == 403, "two more, of which one is left"
    assert requests.post(events, json=event | {"key": "l"}, headers=key, timeout=SECONDS).status_code == 202
    refused = requests.post(events, json=event | {"key": "m"}, headers=key, timeout=SECONDS)
    assert (refused.status_code, refused.json()["detail"]) == (
        403,
        "hr may have at most 4 notifications accepted a day (UTC)",
    )


def test_requests_at_once_do_not_pass_a_daily_limit_together(url: str, ledger: Ledger) -> None:
    key, events = limited(ledger, daily=5), url.replace("announcements", "notifications")

    def post(number: int) -> int:
        body = {"receiver_id": "ou_ada", "text": str(number)}
        return requests.post(events, json=body, headers=key, timeout=SECONDS).status_code

    with ThreadPoolExecutor(8) as executor:
        answers = list(executor.map(post, range(16)))
    assert sorted(answers) == [202] * 5 + [403] * 11


def test_a_key_that_only_reads_sees_ids_and_finds_nobody_by_name(url: str, ledger: Ledger) -> None:
    """Whatever the columns of the file are called."""
    rows = [{"receiver_id": "ou_ada", "name": "Ada Lovelace", "salary": "90000"}]
    id = posted(url, rows=rows, text=TEXT).json()["id"]
    row = f"n_{id.removeprefix('a_')}-0"
    notifications = url.replace("announcements", "notifications")
    reads = key_of(ledger, Scope.READ)
    for scope in (Scope.READ, Scope.OPERATE, Scope.ANNOUNCE):
        headers = reads if scope is Scope.READ else key_of(ledger, Scope.READ, scope, name=str(scope))
        sees = scope is not Scope.READ

        def got(path: str, headers: dict[str, str] = headers) -> requests.Response:
            return requests.get(path, headers=headers, timeout=SECONDS)

        [result] = got(f"{url}/{id}/results").json()["results"]
        told = (result["receiver_id"], result["name"], result["salary"])
        assert told == (("ou_ada", "Ada Lovelace", "90000") if sees else ("ou_ada", None, None))
        for written_as in ("csv", "jsonl"):
            exported = got(f"{url}/{id}/results?format={written_as}").text
            assert ("Lovelace" in exported, "90000" in exported, "ou_ada" in exported) == (sees, sees, True)
        assert got(f"{notifications}/{row}").json()["person"] == ({"name": "Ada Lovelace"} if sees else {})
        for find, is_found in (("lovelace", sees), ("9000", sees), ("ou_ada", True)):
            found = got(f"{notifications}?find={find}").json()["notifications"]
            assert [each["id"] for each in found] == ([row] if is_found else [])
            assert all(each["person"] == ({"name": "Ada Lovelace"} if sees else {}) for each in found)
