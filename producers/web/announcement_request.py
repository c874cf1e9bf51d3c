"""The body of `POST /v1/announcements`: rows, and the arguments of `Notifier.announce`. Never a server path.

Either a form with the file, or JSON with the rows.
"""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from fastapi import Request

from ledger.errors import BadInput
from ledger.messages.images import LocalImage
from ledger.messages.json_fields import kind_of, shortened
from ledger.messages.message_file import MessageTemplate, foreign_template, parse_message_template
from ledger.phrases import Phrase
from producers.announcements.audience.definition import ExclusionFile
from producers.announcements.recipients import ReadingOptions
from producers.announcements.recipients.source import Source
from producers.announcements.testing import RowChoice, chosen_row
from producers.client.arguments import AnnouncementArguments
from producers.web.bodies import check_known, in_turn, json_object, without_delay
from producers.web.uploads import Form, Part, read_form

__all__ = ["AnnouncementRequest", "read_announcement_request"]

RECIPIENTS, EXCLUDE = "recipients", "exclude"
#: The fields of the form beside the files, and the members of the JSON beside `rows`.
OPTIONS = frozenset(AnnouncementArguments.__annotations__) - {"message", EXCLUDE}
FLAGS = frozenset({"skip_invalid", "allow_duplicates", "dry_run", "draft", "everyone", "direct", "partial"})
#: Of a test, which accepts nothing else.
TEST = frozenset({"test_to", "row"})
#: In a form their ids are divided by commas.
LISTS = frozenset({"departments", "groups"})
#: What must not be anything but a text: a number would be taken for seconds since 1970.
_TEXTS = (OPTIONS | {"test_to"}) - FLAGS - LISTS - {"weight", "first", "stop_at"}
_KNOWN = OPTIONS | FLAGS | TEST | {"message", EXCLUDE}
#: Of an edit: the version that was read.
VERSION = "version"
#: A draft keeps its key, and cannot be edited by a test or a dry run.
NOT_OF_EDIT = TEST | {"dry_run", "draft", "key"}
_KNOWN_OF_EDIT = _KNOWN - NOT_OF_EDIT | {VERSION}
_WORDS = {"true": True, "1": True, "false": False, "0": False}


class AskedTest(NamedTuple):
    """To whom one message goes, and of which row."""

    to: str
    row: RowChoice | int

    @classmethod
    def take(cls, fields: dict[str, Any]) -> "AskedTest | None":
        """Out of the fields. Raises BadInput for a row without a test, and for a test that is a dry run."""
        to, row = fields.pop("test_to", None), fields.pop("row", None)
        if to is None and row is not None:
            raise BadInput("row", Phrase("says which row a test shows: give test_to, too"))
        other = next((name for name in ("dry_run", "draft") if fields.get(name)), None)
        if to is not None and other:
            raise BadInput("test_to", Phrase("cannot be combined with {other}: give one of them", other=other))
        return cls(to, chosen_row(row)) if to is not None else None


class AnnouncementRequest:
    """Close it."""

    def __init__(self, arguments: dict[str, Any], source: Source | None) -> None:
        """`dry_run`, `draft`, `test` and the `version` of an edit are among the arguments.

        There is no source where only an audience is named, or where an edit keeps the rows.
        """
        self.dry_run = bool(arguments.pop("dry_run", False))
        self.is_draft = bool(arguments.pop("draft", False))
        self.version: int = arguments.pop(VERSION, 0)
        self.test: AskedTest | None = arguments.pop("test", None)
        self.arguments, self.source = arguments, source

    def close(self) -> None:
        if self.source:
            self.source.close()


async def read_announcement_request(request: Request, key: str | None, *, is_edit: bool = False) -> AnnouncementRequest:
    """Reads the body; `key` is that of the header. Raises BadInput, or Problem for a body of another kind.

    Of an edit, what is not given stays as it is, and null in JSON goes back to the default.
    """
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        form = await read_form(request, large=RECIPIENTS)
        try:
            return await in_turn(request, form.held_bytes, _asked_by_form, form, key, is_edit)
        except BaseException:
            form.close()
            raise
    return await without_delay(request, _asked_by_json, await json_object(request), key, is_edit)


def _asked_by_form(form: Form, key: str | None, is_edit: bool) -> AnnouncementRequest:
    # An empty field was not filled in. An empty time zone is a script's variable that was not set, as it is in JSON.
    parts = {name: part for name, part in form.parts.items() if part.content or name == "timezone"}
    if form.large is None and not is_edit and not parts.keys() & {*LISTS, "everyone"}:
        raise BadInput(RECIPIENTS, Phrase("is missing: the file, as CSV, JSONL or XLSX"))
    check_known(parts, (_KNOWN_OF_EDIT if is_edit else _KNOWN) | {"image"})
    texts = OPTIONS | FLAGS | TEST | {VERSION}
    arguments: dict[str, Any] = {name: part.text(name) for name, part in parts.items() if name in texts}
    arguments |= {name: _flag(name, arguments[name]) for name in FLAGS if name in arguments}
    arguments |= _message_of(parts)
    if EXCLUDE in parts:
        arguments[EXCLUDE] = _exclusions_of(parts[EXCLUDE])
    if is_edit:
        written = arguments.get(VERSION, "")
        arguments[VERSION] = int(written) if written.isascii() and written.isdecimal() else None
        return AnnouncementRequest(_with_version(arguments), form.large)
    arguments.setdefault("name", PurePath(form.large.name).stem or RECIPIENTS if form.large else "audience")
    return AnnouncementRequest(_completed(arguments, key), form.large)


def _exclusions_of(part: Part) -> list[Any]:
    """A file, or addresses that are divided by commas."""
    if part.file_name is not None:
        return [ExclusionFile(part.file_name or EXCLUDE, part.content)]
    return [address for address in part.text(EXCLUDE).replace("\n", ",").split(",") if address.strip()]


def _message_of(parts: Mapping[str, Part]) -> dict[str, Any]:
    """The arguments that the files make. An image is a message by itself."""
    if "image" in parts and {"message", "text", "markdown", "template"} & parts.keys():
        raise BadInput(
            "image", Phrase("is a message by itself: give one of text, markdown, message, template and image")
        )
    if "image" in parts:
        image = LocalImage.check(parts["image"].content, name=parts["image"].file_name or "image", where="image")
        return {"message": MessageTemplate({"msg_type": "image", "content": {"image_sha256": image.sha256}}, image)}
    if "message" in parts:
        part = parts["message"]
        return {"message": parse_message_template(part.content, part.file_name or "message")}
    return {}


def _asked_by_json(body: Mapping[str, Any], key: str | None, is_edit: bool) -> AnnouncementRequest:
    defaults = {name: None for name, value in body.items() if value is None and name != "rows"}
    arguments = {name: value for name, value in body.items() if value is not None and name != "rows"}
    check_known(arguments, _KNOWN_OF_EDIT if is_edit else _KNOWN)
    _check_kinds(arguments)
    if "message" in arguments:
        _check_kind("message", arguments["message"], dict, Phrase("an object with msg_type and content"))
        arguments["message"] = foreign_template(arguments["message"])
    ReadingOptions.take(dict(arguments)).of_rows()
    rows = body.get("rows")
    if is_edit:
        edit = _with_version(arguments)
        check_known(defaults, _KNOWN_OF_EDIT)
        return AnnouncementRequest({**edit, **defaults}, None if rows is None else _rows_of(rows))
    is_audience = rows is None and any(arguments.get(name) for name in (*LISTS, "everyone"))
    if rows is None and not is_audience and (named := sorted(LISTS & arguments.keys())):
        raise BadInput(named[0], Phrase("must not be empty"))
    return AnnouncementRequest(_completed(arguments, key), None if is_audience else _rows_of(rows))


def _check_kinds(arguments: Mapping[str, Any]) -> None:
    for name in _TEXTS & arguments.keys():
        _check_kind(name, arguments[name], str, Phrase("a string"))
    for name in FLAGS & arguments.keys():
        _check_kind(name, arguments[name], bool, Phrase("true or false"))
    for name in (LISTS | {EXCLUDE}) & arguments.keys():
        _check_kind(name, arguments[name], list, Phrase("a list"))


def _with_version(arguments: dict[str, Any]) -> dict[str, Any]:
    """Raises BadInput unless an edit says which version was read."""
    version = arguments.get(VERSION)
    if not isinstance(version, int) or isinstance(version, bool):
        raise BadInput(VERSION, Phrase("must be the number of the version that you read"))
    return arguments


def _rows_of(rows: Any) -> Source:
    _check_kind("rows", rows, list, Phrase("a list of objects"))
    for number, row in enumerate(rows):
        _check_kind(f"rows[{number}]", row, dict, Phrase("an object"))
        for name, value in row.items():
            if isinstance(value, float):
                # Read as a number it has lost how it was written: 1.50 would go out as 1.5.
                raise BadInput(f"rows[{number}].{shortened(name)}", Phrase("must be a string, not a fraction"))
    return Source.of_rows(rows)


def _completed(arguments: dict[str, Any], key: str | None) -> dict[str, Any]:
    """With the key of the header, and the test as one."""
    if test := AskedTest.take(arguments):
        arguments["test"] = test
    if key is not None and arguments.setdefault("key", key) != key:
        raise BadInput("key", Phrase("differs from the header Idempotency-Key: give one of them"))
    return arguments


def _flag(name: str, text: str) -> bool:
    flag = _WORDS.get(text.strip().lower())
    if flag is None:
        raise BadInput(name, Phrase("must be true or false"))
    return flag


def _check_kind(field: str, value: Any, kind: type, expected: Phrase) -> None:
    if not isinstance(value, kind):
        raise BadInput(field, Phrase("must be {expected}, not {kind}", expected=expected, kind=kind_of(value)))
