"""Every place that takes bytes of others: how much of them, the worst that they can be, and how they get there.

This is the one table. A route that takes a body, or a call of a parser, that stands neither in it nor in `OURS` fails
`tests/unit/test_foreign_bytes.py`. `tests/acceptance/test_foreign_bytes.py` sends to what is served, at a quarter and
at the whole of the limit.
"""

import base64
import io
import json
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from feishu.codes import CodeTable
from feishu.verdict import _why_unreadable, envelope
from http_client.response import Response
from ledger.full_search import Place
from ledger.redis_options import read_options
from ledger.search import Cursor
from ledger.settings import Settings
from producers.client.http_server import _json
from producers.hooks.hook_file import load_hooks
from tests.integration.console.console_visitor import Visitor
from worker.celery.foreign_message import ForeignMessage
from worker.celery.message_body import decoded_body

__all__ = ["OURS", "READ", "SERVED", "Caller", "Read", "Served"]

MIB = 1024 * 1024
#: Of an upload, which may have 256 MiB: what a test has the time for.
UPLOAD = MIB // 4
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Caller:
    """Whoever sends: with a key for everything."""

    url: str
    secret: str
    visitor: Visitor

    def post(self, path: str, **body: Any) -> requests.Response:
        headers = {"X-Api-Key": self.secret, "Connection": "close", **body.pop("headers", {})}
        return requests.post(self.url + path, headers=headers, timeout=120, **body)


@dataclass(frozen=True)
class Served:
    """A place of the web process."""

    most_bytes: int  #: the limit, or `UPLOAD`
    hostile: Callable[[int], bytes]  #: of about so many bytes
    send: Callable[[Caller, bytes], requests.Response]
    routes: tuple[str, ...] = ()  #: that read their bodies in this way
    sites: tuple[str, ...] = ()  #: where it is parsed
    memory_mib: int = 150  #: what it may take beside what the process has


@dataclass(frozen=True)
class Read:
    """A place that is read without a server: files, and what comes from Feishu, Celery, a receiver of callbacks."""

    most_bytes: int
    hostile: Callable[[int], bytes]
    read: Callable[[bytes], object]
    sites: tuple[str, ...] = ()


# -- the worst of each kind


def twice(size: int) -> bytes:
    """A name that stands twice, in the largest object."""
    members = ",".join(f'"{number:06x}":1' for number in range(size // 11 - 2))
    return f'{{{members},"000000":2}}'.encode()


def lists(beginning: str, end: str) -> Callable[[int], bytes]:
    """As many values as can be, within what stands around them."""
    return lambda size: f"{beginning}{'[],' * ((size - len(beginning) - len(end)) // 3 - 1)}[]{end}".encode()


def batch(size: int) -> bytes:
    """A thousand cards, each as large as there is room for."""
    count = max(1, min(1000, size // 1000))
    marks = [{"tag": "markdown", "content": "**<b>"}] * ((size // count - 200) // 40)
    message = {"msg_type": "interactive", "content": {"elements": marks}}
    item = {"receiver_id": "ou_ada", "message": message, "at": "30d"}
    return json.dumps({"notifications": [item] * count}, separators=(",", ":")).encode()


def alerts(size: int) -> bytes:
    """As many as a hook takes."""
    one = b'{"fingerprint":"x"},'
    return (
        b'{"status":"firing","groupKey":"k","groupLabels":{},"commonLabels":{},"alerts":['
        + one * (size // 22)
        + b"{}]}"
    )


def encrypted(size: int) -> bytes:
    return json.dumps({"encrypt": base64.b64encode(bytes(size * 3 // 4 - 30)).decode()}).encode()


def leaves(size: int) -> bytes:
    """A template that works as much as it may, in each of many strings."""
    work = "{{ name|upper|lower|title }}"
    texts = [[{"tag": "text", "text": work}] for _ in range(min(150, size // 70))]
    message = {"msg_type": "post", "content": {"zh_cn": {"title": "t", "content": texts}}}
    rows = [{"receiver_id": "ou_ada", "name": "é" * max(1, size // 20)}]
    return json.dumps({"name": "n", "at": "2099-01-01T00:00:00Z", "message": message, "rows": rows}).encode()


def saved_leaves(size: int) -> bytes:
    return json.dumps({"message": json.loads(leaves(size))["message"]}).encode()


def quoted_rows(size: int) -> bytes:
    return b"receiver_id,name\n" + b'ou_ada,"""\n' * (size // 12 - 2)


def many_columns(size: int) -> bytes:
    return b"receiver_id" + b",a" * (size // 4 - 8) + b"\nou_ada" + b",b" * (size // 4 - 8) + b"\n"


def many_rows(size: int) -> bytes:
    return b"receiver_id\n" + b"".join(b"ou_%07d\n" % number for number in range(size // 11 - 2))


def nested_rows(size: int) -> bytes:
    return b'{"receiver_id":"ou_ada","name":' + b"[" * (size // 2 - 40) + b"]" * (size // 2 - 40) + b"}\n"


def jsonl_rows(size: int) -> bytes:
    row = b'{"receiver_id":"ou_%07d","a":"","b":""}\n'
    return b"".join(row % number for number in range(size // 44))


def workbook(size: int) -> bytes:
    """Packed as small as it can be; unpacked, of as many empty formats as its size would be in plain text."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _PARTS.items():
            archive.writestr(name, content)
        count = size * 8 // len("<xf/>")
        archive.writestr(
            "xl/styles.xml", f'<styleSheet xmlns="{_MAIN}"><cellXfs>{"<xf/>" * count}</cellXfs></styleSheet>'
        )
    return packed.getvalue()


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_SHEET_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_SHEET_TYPE}.styles+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_SHEET_TYPE}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
    ),
    "xl/worksheets/sheet1.xml": (
        f'<worksheet xmlns="{_MAIN}"><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>receiver_id</t></is></c></row>'
        '<row r="2"><c r="XFD2" t="inlineStr"><is><t>ou_ada</t></is></c></row></sheetData></worksheet>'
    ),
}


def picture(size: int) -> bytes:
    """Black, and so as large as its limit in pixels of what few bytes can say."""
    side = int((size * 40) ** 0.5)
    header = side.to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    rows = zlib.compress((b"\0" * (3 * side + 1)) * side, 9)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")
        for name, content in chunks
    )


# -- how it is sent


def to(path: str) -> Callable[[Caller, bytes], requests.Response]:
    return lambda caller, body: caller.post(path, data=body, headers=JSON)


def as_part(name: str, file_name: str, **others: Any) -> Callable[[Caller, bytes], requests.Response]:
    """One part of the form of an announcement; the other ones are as they should be."""

    def send(caller: Caller, body: bytes) -> requests.Response:
        right = {
            "recipients": ("r.csv", b"receiver_id\nou_ada\n"),
            "text": (None, "Hi"),
            "at": (None, "2099-01-01T00:00Z"),
        }
        parts = {**right, **others, name: (file_name, body)}
        return caller.post("/v1/announcements", files={key: part for key, part in parts.items() if part})

    return send


def in_base64(size: int) -> bytes:
    """An event with JSON of lists in its bytes."""
    content = base64.b64encode(lists("[", "]")((size - 256) * 3 // 4)).decode()
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "datacontenttype": "application/json"}
    return json.dumps({**event, "data_base64": content}).encode()


def of_event(caller: Caller, body: bytes) -> requests.Response:
    return caller.post("/v1/hooks/events", data=body, headers={"Content-Type": "application/cloudevents+json"})


def put(path: str) -> Callable[[Caller, bytes], requests.Response]:
    def send(caller: Caller, body: bytes) -> requests.Response:
        headers = {"X-Api-Key": caller.secret, "Connection": "close", **JSON}
        return requests.put(caller.url + path, data=body, headers=headers, timeout=120)

    return send


def card_as_text(size: int) -> bytes:
    """The JSON of a card in a text, as some senders have it."""
    card = lists('{"elements":[', "]}")(size - 128).decode()
    return json.dumps({"msg_type": "interactive", "card": card}).encode()


def attached(size: int) -> bytes:
    """A form whose texts are all marks; the percent signs are the caller's."""
    one = {"title": "*a" * 100, "text": "<a`*b* _" * 400, "fields": [{"value": "~x~ " * 100}]}
    count = max(1, size // len(json.dumps(one)) - 1)
    return b"payload=" + json.dumps({"attachments": [one] * count}, separators=(",", ":")).encode()


def as_slack_form(caller: Caller, body: bytes) -> requests.Response:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return caller.post("/v1/hooks/chat", data=body, headers=headers)


def passwords(size: int) -> bytes:
    return b":" * (size * 3 // 4)


def with_password(path: str) -> Callable[[Caller, bytes], requests.Response]:
    def send(caller: Caller, password: bytes) -> requests.Response:
        headers = {"Authorization": b"Basic " + base64.b64encode(password), "Connection": "close"}
        return requests.post(caller.url + path, b"{}", headers=headers, timeout=120)

    return send


def by_form(path: str) -> Callable[[Caller, bytes], requests.Response]:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return lambda caller, body: caller.visitor.session.post(caller.visitor.url + path, body, headers=form, timeout=120)


def proposed(caller: Caller, body: bytes) -> requests.Response:
    caller.visitor.look("/announcements/new")
    return caller.visitor.act("/announcements/new", text="Hi", files={"recipients": ("r.csv", body)})


#: What is done to a draft, and what makes one.
DRAFT_VERBS = ("again", "approve", "correct", "discard", "reject", "start", "submit", "test")


def in_editor(path: str, name: str, file_name: str = "") -> Callable[[Caller, bytes], requests.Response]:
    """In a field of the form, or a file."""

    def send(caller: Caller, content: bytes) -> requests.Response:
        caller.visitor.look("/announcements/new")
        if file_name:
            return caller.visitor.act(path, files={name: (file_name, content)})
        return caller.visitor.act(path, text="" if name == "markdown" else "{{ a }}", files={name: (None, content)})

    return send


def tried(caller: Caller, body: bytes) -> requests.Response:
    """The escapes of a form make it three times as large."""
    caller.visitor.look("/hooks/chat")
    return caller.visitor.act("/hooks/chat", payload=body.removeprefix(b"payload="))


CARD = '{"receiver_id":"ou_ada","message":{"msg_type":"interactive","content":{"a":['
SERVED = {
    "JSON with a name twice": Served(
        MIB,
        twice,
        to("/v1/notifications"),
        ("POST /v1/notifications",),
        ("ledger/messages/strict_json.py:_READER",),
    ),
    "a card of lists": Served(
        MIB, lists(CARD, "]}}}"), to("/v1/notifications"), sites=("ledger/messages/content.py:_parsed",)
    ),
    "a batch": Served(MIB, batch, to("/v1/notifications")),
    "a decision": Served(
        MIB,
        twice,
        to("/v1/notifications/n_0000000000000000/retry"),
        (
            *(f"POST /v1/notifications/{{id}}/{verb}" for verb in ("retry", "cancel", "resolve", "reschedule")),
            "POST /v1/desks/{name}/resume",
            *(
                f"POST /v1/announcements/{{id}}/{verb}"
                for verb in ("retry", "cancel", "resolve", "reschedule", "pause", "resume", *DRAFT_VERBS)
            ),
        ),
    ),
    "a key": Served(MIB, twice, to("/v1/keys"), ("POST /v1/keys", "DELETE /v1/keys/{id}")),
    "rows in JSON": Served(
        MIB, lists('{"name":"n","text":"x","rows":[', "]}"), to("/v1/announcements"), ("POST /v1/announcements",)
    ),
    "an edit in JSON": Served(
        MIB,
        lists('{"version":1,"rows":[', "]}"),
        put("/v1/announcements/a_0000000000000000"),
        ("PUT /v1/announcements/{id}",),
    ),
    "a template": Served(
        MIB,
        leaves,
        to("/v1/announcements"),
        sites=("ledger/messages/jinja_text.py:_parsed", "ledger/messages/jinja_text.py:_root_of"),
    ),
    "a template to save": Served(
        64 * 1024, saved_leaves, put("/v1/templates/t"), ("PUT /v1/templates/{name}", "DELETE /v1/templates/{name}")
    ),
    "a hook's payload, a name twice": Served(
        MIB,
        twice,
        to("/v1/hooks/script"),
        ("POST /v1/hooks/{name}", "PUT /v1/hooks/{name}"),
        ("producers/hooks/sent_json.py:_READER",),
    ),
    "an event in base64": Served(MIB, in_base64, of_event, sites=("producers/hooks/cloudevents.py:_decoded",)),
    "a password": Served(
        16 * 1024, passwords, with_password("/v1/hooks/script"), sites=("producers/web/access.py:basic_password",)
    ),
    "a card for a bot": Served(
        MIB,
        card_as_text,
        to("/open-apis/bot/v2/hook/builds"),
        ("POST /open-apis/bot/v2/hook/{token}",),
        ("producers/hooks/feishu_bot.py:_object",),
    ),
    "a sign within a body": Served(512 * 1024, lists('{"sign":[', "]}"), to("/v1/hooks/signed")),
    "a form for Slack": Served(MIB, attached, as_slack_form, sites=("producers/hooks/hook_request.py:json_or_form",)),
    "a hook's payload, alerts": Served(MIB, alerts, to("/v1/hooks/oncall")),
    "an event of Feishu's": Served(
        256 * 1024,
        lists('{"schema":"2.0","event":[', "]}"),
        to("/v1/feishu/events"),
        ("POST /v1/feishu/events",),
    ),
    "an event of Feishu's, encrypted": Served(
        256 * 1024, encrypted, to("/v1/feishu/events"), sites=("producers/feishu_events/envelope.py:decrypt",)
    ),
    "a message in YAML": Served(
        64 * 1024,
        lambda size: b"msg_type: text\ncontent:\n" + b"- [a]\n" * (size // 6 - 5),
        as_part("message", "m.yaml", text=None),
        sites=("ledger/messages/json_in_yaml.py:json_in_yaml",),
    ),
    "a message in JSON": Served(
        256 * 1024,
        twice,
        as_part("message", "m.json", text=None),
        sites=("ledger/messages/message_file.py:_from_json",),
    ),
    "CSV": Served(
        UPLOAD,
        quoted_rows,
        as_part("recipients", "r.csv"),
        sites=(
            "producers/announcements/recipients/csv_rows.py:_records",
            "producers/announcements/recipients/csv_rows.py:header_of",
            "producers/web/uploads.py:read_form",
        ),
    ),
    "CSV of many rows": Served(UPLOAD, many_rows, as_part("recipients", "r.csv")),
    "CSV of many columns": Served(UPLOAD, many_columns, as_part("recipients", "r.csv")),
    "JSONL": Served(
        UPLOAD,
        jsonl_rows,
        as_part("recipients", "r.jsonl"),
        sites=("producers/announcements/recipients/jsonl_rows.py:_DECODER",),
    ),
    "JSONL of one value, nested": Served(UPLOAD, nested_rows, as_part("recipients", "r.jsonl")),
    "XLSX": Served(
        UPLOAD,
        workbook,
        as_part("recipients", "r.xlsx"),
        sites=(
            "producers/announcements/recipients/xlsx_parts.py:__init__",
            "producers/announcements/recipients/xlsx_xml.py:fed",
        ),
    ),
    "an image": Served(
        UPLOAD,
        picture,
        as_part("image", "p.png", text=None),
        sites=("ledger/messages/image_format.py:_opened", "ledger/messages/image_format.py:_decode"),
    ),
    "a form of anybody": Served(
        64 * 1024,
        lambda size: b"a&" * (size // 2),
        by_form("/sign-in"),
        tuple(
            f"POST /console/{path}"
            for path in (
                *(
                    "sign-in",
                    "sign-in/link",
                    "sign-out",
                    "keys",
                    "keys/{id}/link",
                    "keys/{id}/revoke",
                    "preferences",
                    "desks/{desk}/resume",
                    "events/retry",
                    "dropped/seen",
                ),
                *(
                    f"announcements/{{id}}/{verb}"
                    for verb in (
                        "cancel",
                        "pause",
                        "reschedule",
                        "resume",
                        "retry",
                        "start-unapproved",
                        *DRAFT_VERBS,
                    )
                ),
                *(f"notifications/{{id}}/{verb}" for verb in ("cancel", "reschedule", "retry", "send_now")),
                *("settle", "settle/undo"),
            )
        ),
        ("console/forms.py:_fields_of",),
    ),
    "the first row, in the editor": Served(
        32 * 1024,
        twice,
        in_editor("/editor/look", "sample"),
        ("POST /console/editor/look",),
        ("console/editor.py:_sample",),
    ),
    "Markdown, in the editor": Served(
        60 * 1024, lambda size: b"> - **[" * (size // 7), in_editor("/editor/look", "markdown")
    ),
    "the beginning of a file, in the editor": Served(
        64 * 1024, many_columns, in_editor("/editor/columns", "recipients", "r.csv"), ("POST /console/editor/columns",)
    ),
    "a picture, in the editor": Served(
        UPLOAD, picture, in_editor("/editor/picture", "picture", "p.png"), ("POST /console/editor/picture",)
    ),
    "a payload that is tried": Served(
        64 * 1024, lambda size: attached(size // 3), tried, ("POST /console/hooks/{name}",)
    ),
    "an upload in the console": Served(
        UPLOAD,
        quoted_rows,
        proposed,
        ("POST /console/announcements/new", "POST /console/announcements/{id}/edit"),
        ("console/forms.py:read_form",),
    ),
}


# -- what is read without a server


def as_file(read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def written(content: bytes) -> object:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "file.toml"
            file.write_bytes(content)
            return read(file)

    return written


def keys(size: int) -> bytes:
    return b"".join(b"k%07d=1\n" % number for number in range(size // 11))


def of_celery(content: bytes) -> object:
    message = {
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "body": base64.b64encode(content).decode(),
    }
    return decoded_body(message, {}, {"body_encoding": "base64"})


def compressed(size: int) -> bytes:
    """A body that would unpack to a thousand times its size."""
    return zlib.compress(b'[[],{"text":"' + b"a" * size * 900)


def of_celery_compressed(content: bytes) -> None:
    message = {
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "body": base64.b64encode(content).decode(),
    }
    with suppress(ForeignMessage):
        decoded_body(message, {"compression": "application/x-gzip"}, {"body_encoding": "base64"})


def of_celery_in_msgpack(content: bytes) -> object:
    message = {"content-type": "application/x-msgpack", "body": base64.b64encode(content).decode()}
    return decoded_body(message, {}, {"body_encoding": "base64"})


def of_server(content: bytes) -> object:
    response = requests.Response()
    response._content = content
    return _json(response)


READ = {
    "the desks file": Read(
        MIB,
        keys,
        as_file(lambda file: Settings(desks=file, _env_file=None).all_desks),
        ("ledger/toml_file.py:parse_toml",),
    ),
    "the hooks file": Read(
        MIB,
        keys,
        as_file(lambda file: load_hooks(Settings(hooks=file, _env_file=None), {})),
    ),
    "the file of error codes": Read(MIB, keys, as_file(CodeTable.load)),
    "an answer of Feishu's": Read(
        MIB,
        lists('{"code":0,"data":[', "]}"),
        lambda content: (envelope(Response(200, {}, content)), _why_unreadable(content)),
        ("feishu/verdict.py:envelope", "feishu/verdict.py:_why_unreadable"),
    ),
    "a message of another Celery application": Read(
        MIB,
        lists('[[],{"text":[', "]},{}]"),
        of_celery,
        ("worker/celery/message_body.py:_body_bytes", "worker/celery/message_body.py:_of_json"),
    ),
    "a compressed message of another Celery application": Read(
        MIB // 32,
        compressed,
        of_celery_compressed,
        ("worker/celery/message_body.py:_UNPACKERS", "worker/celery/message_body.py:_zstd"),
    ),
    "a message of another Celery application in msgpack": Read(
        MIB, lambda size: b"\xdd" + (size - 5).to_bytes(4, "big") + b"\x90" * (size - 5), of_celery_in_msgpack
    ),
    "an answer of `deskbell web`, for the Python client": Read(
        MIB, lists('{"results":[', "]}"), of_server, ("producers/client/http_server.py:_json",)
    ),
    "a cursor": Read(
        64 * 1024, lambda size: b"A" * size, lambda content: Cursor.of(content.decode()), ("ledger/search.py:of",)
    ),
    "a place in a full search": Read(
        64 * 1024,
        lambda size: base64.b64encode(lists("[", "]")(size * 3 // 4 - 8)),
        lambda content: Place.of(content.decode()),
        ("ledger/full_search.py:of",),
    ),
    "the options of a Redis URL": Read(
        64 * 1024,
        lambda size: b"a=1&" * (size // 4),
        lambda content: read_options(content.decode(), tls=False, unix=False),
        ("ledger/redis_options.py:read_options",),
    ),
}

#: Parsed, but not foreign: where, and whose it is.
OURS = {
    "console/i18n.py:language": "comes with the program",
    "producers/web/openapi/problem_examples.py:PROBLEMS": "made here",
    "producers/cli/language.py:catalogue": "comes with the program",
    "ledger/audit_log.py:_act": "the ledger's",
    "ledger/saved_template.py:_compiled": "the ledger's, and checked when it was saved",
    "ledger/saved_templates.py:_of_kept": "the ledger's, and checked when it was saved",
    "ledger/practice.py:_living": "of a file that only its owner can write, and only while its writer lives",
    "producers/announcements/recipients/evidence.py:_scores": "comes with the program",
    "ledger/announcement.py:message": "the ledger's, and checked when it was accepted",
    "ledger/announcement.py:of_json": "the ledger's, and checked when it was accepted",
    "ledger/announcement_reading.py:_acts": "the ledger's",
    "ledger/draft.py:_rejected": "the ledger's",
    "ledger/draft.py:of_fields": "the ledger's",
    "ledger/draft_verbs.py:told": "the ledger's",
    "ledger/rescheduling.py:arguments": "the ledger's",
    "ledger/notices.py:_read": "the ledger's",
    "ledger/joined.py:read": "the ledger's, and checked when it was accepted",
    "ledger/api_key.py:of_json": "the ledger's",
    "ledger/key_receivers.py:__call__": "the ledger's",
    "ledger/rescheduling.py:_with_at": "the ledger's, and checked when it was accepted",
    "ledger/rescheduling.py:_with_send_at": "the ledger's, and checked when it was accepted",
    "ledger/ticket_codes.py:learnt_ticket_codes": "the ledger's",
    "producers/announcements/audience/selection.py:going": "written by the walk, which read it from Feishu's answers",
    "producers/announcements/audience/selection.py:known": "written by the walk, which read it from Feishu's answers",
    "producers/announcements/audience/selection.py:named": "written by the reading of files",
    "worker/delivery.py:_with_new_image": "the message that is sent, checked when it was accepted",
    "ledger/callbacks.py:_as_it_stood": "the ledger's",
    "ledger/holds.py:_hold": "the ledger's",
    "ledger/holds.py:_reason": "the ledger's",
    "ledger/dropped_messages.py:of_json": "the ledger's",
    "ledger/hook_log.py:of_json": "the ledger's",
    "ledger/unread_lists.py:unread_of": "the ledger's",
    "ledger/notification.py:of_input": "the ledger's, and checked when it was accepted",
    "ledger/progress.py:of_json": "the ledger's",
    "ledger/quarters.py:counts_of": "the ledger's",
    "ledger/settling.py:_mapping": "the ledger's",
    "ledger/callback_format.py:signing_key": "a secret of the operator's",
    "ledger/messages/template.py:_object_of": "of a message that was read as JSON or YAML before",
    "ledger/messages/template.py:check": "what a template has made, which is bounded",
    "ledger/messages/template.py:render": "what a template has made, which is bounded",
    "producers/hooks/hook_file.py:ready_made": "comes with the program",
    "producers/hooks/large_body.py:_rendered": "said by a process of ours, and checked",
    "producers/hooks/rendering.py:main": "said by a process of ours",
    "producers/announcements/recipients/foreign.py:_answer": "said by a process of ours, in bounded frames",
    "producers/announcements/recipients/reading.py:main": "said by a process of ours",
    "producers/announcements/preview.py:count_open_tickets": "written by the check of the rows",
    "producers/web/draft_notes.py:read": "the ledger's",
    "feishu/client.py:_spellings": "the message that is sent, checked when it was accepted",
    "feishu/people.py:_of_json": "the ledger's",
}
