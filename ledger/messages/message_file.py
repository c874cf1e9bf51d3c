"""A message file: `msg_type` and `content` in JSON or YAML, and the local image that it may name.

```yaml
msg_type: image
content: {file: poster.png}      # beside the message file
```
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import yaml

from ledger.errors import BadInput
from ledger.messages.content import Message, MsgType, parse_message
from ledger.messages.images import LocalImage
from ledger.messages.json_fields import check_json, dotted, kind_of, shortened
from ledger.messages.json_in_yaml import json_in_yaml
from ledger.messages.strict_json import NameTwiceError, object_of, syntax_problem
from ledger.phrases import Phrase, system_problem

__all__ = [
    "MessageFile",
    "MessageTemplate",
    "foreign_template",
    "parse_message_template",
    "read_markdown_file",
    "read_message_file",
    "read_message_template",
]

#: More than the largest message, so that indentation and comments fit.
_FILE_BYTES = 256 * 1024
#: In YAML, which takes a hundred times as long to read. Twice what a card or a post may have.
_YAML_BYTES = 64 * 1024


#: Of a line of YAML: `text: {{ name }}`, `- {{ name }}`.
_BRACES_UNQUOTED = re.compile(r"(?:[\w.-]+:[ ]+)?\{\{")


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """A message file as it is written, its strings not rendered and its content not checked. No repr shows it.

    Render the strings of `raw`, then give it to `parse_message`. A local image is `image_sha256` in `raw` already.
    """

    raw: Mapping[str, object] = field(repr=False)
    image: LocalImage | None = None
    asked: str | None = None  #: the name of the saved template, if it is one
    markdown: str | None = field(default=None, repr=False)  #: its source, if it was made from Markdown


@dataclass(frozen=True, slots=True)
class MessageFile:
    """A checked message, and the image whose bytes must be in the ledger before the message is."""

    message: Message
    image: LocalImage | None = None


#: What `json_in_yaml` refuses, and what libyaml says most often, as phrases, so that a screen can translate it.
_YAML_SYNTAX: Mapping[str, Phrase] = {
    phrase: phrase
    for phrase in (
        Phrase("it contains more than one document"),
        Phrase("aliases (*name) and tags (!name) are not allowed"),
        Phrase("a list or an object is the key of a value"),
        Phrase("mapping values are not allowed in this context"),
        Phrase("did not find expected key"),
        Phrase("did not find expected node content"),
        Phrase("did not find expected '-' indicator"),
        Phrase("did not find expected ',' or ']'"),
        Phrase("could not find expected ':'"),
        Phrase("found character that cannot start any token"),
        Phrase("found unexpected end of stream"),
        Phrase("found unknown escape character"),
        Phrase("block sequence entries are not allowed in this context"),
    )
}


def read_message_file(path: Path, *, where: str = "message") -> MessageFile:
    """Reads a file whose strings are meant as they stand. Raises BadInput with a path under `where`."""
    template = read_message_template(path, where=where)
    return MessageFile(parse_message(template.raw, where=where), template.image)


def read_message_template(path: Path, *, where: str = "message") -> MessageTemplate:
    """Reads a file whose strings are still to be rendered: a link may be `{{ url }}` here. Raises BadInput."""
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        raise BadInput(where, Phrase("{name} must end in .json, .yaml or .yml", name=repr(path.name)))
    raw = _parsed(parse, _content_of(path, where), path.name, where)
    content = raw.get("content")
    if raw.get("msg_type") != MsgType.IMAGE or not isinstance(content, dict) or "file" not in content:
        return MessageTemplate(raw)
    image = _local_image(content, path.parent, dotted(where, ("content",)))
    return MessageTemplate({**raw, "content": {"image_sha256": image.sha256}}, image)


def read_markdown_file(path: Path, *, where: str = "markdown") -> str:
    """The text of a Markdown file. Raises BadInput."""
    return _decoded(_content_of(path, where), path.name, where)


def parse_message_template(data: bytes, name: str, *, where: str = "message") -> MessageTemplate:
    """As `read_message_template`, of what came from another machine: it must not name a file of this one.

    `name` is that of the file there; without a suffix that is known, what begins with a brace is JSON. Raises BadInput.
    """
    looks = _from_json if data.lstrip().startswith(b"{") else json_in_yaml
    return foreign_template(_parsed(_PARSERS.get(PurePath(name).suffix.lower(), looks), data, name, where), where=where)


def foreign_template(raw: Mapping[str, object], *, where: str = "message") -> MessageTemplate:
    """A message as another machine gives it. Raises BadInput when it means an image by what only this one knows."""
    match raw:
        case {"content": {"file": _}}:
            raise BadInput(
                dotted(where, ("content", "file")), Phrase("would be a file on the server: upload the image itself")
            )
        case {"content": {"image_sha256": _}}:
            raise BadInput(
                dotted(where, ("content", "image_sha256")), Phrase("cannot be given: upload the image itself")
            )
    return MessageTemplate(raw)


def _local_image(content: dict[str, object], folder: Path, where: str) -> LocalImage:
    file = content["file"]
    if not isinstance(file, str) or not file:
        raise BadInput(f"{where}.file", Phrase("must be the path of an image, not {kind}", kind=kind_of(file)))
    others = [shortened(key) for key in content if key != "file"]
    if others:
        raise BadInput(where, Phrase("has 'file', so it must not have {names}", names=", ".join(others[:5])))
    return LocalImage.read(folder / file, where=f"{where}.file")


def _parsed(parse: Callable[[str], object], data: bytes, name: str, where: str) -> dict[str, object]:
    text = _text_of(data, parse, name, where)
    try:
        raw = parse(text)
    except RecursionError:
        problem = Phrase("is nested too deeply")
    except (yaml.YAMLError, ValueError) as error:
        problem = _unquoted(text, error) or _syntax_problem(error)
    else:
        check_json(raw, where)
        if isinstance(raw, dict):
            return raw
        problem = Phrase("must be an object with msg_type and content, not {kind}", kind=kind_of(raw))
    # Raised outside the except clause: the parsers' errors hold the text of the file.
    raise BadInput(where, Phrase("{file} {problem}", file=repr(name), problem=problem))


def _content_of(path: Path, where: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        problem = Phrase("cannot be read: {problem}", problem=system_problem(error))
        raise BadInput(where, Phrase("{name} {problem}", name=repr(path.name), problem=problem)) from None


def _text_of(data: bytes, parse: Callable[[str], object], name: str, where: str) -> str:
    if parse is json_in_yaml and len(data) > _YAML_BYTES:
        problem = Phrase("is larger than {most:,} bytes: write a message this large in JSON", most=_YAML_BYTES)
        raise BadInput(where, Phrase("{file} {problem}", file=repr(name), problem=problem))
    if len(data) > _FILE_BYTES:
        problem = Phrase("is larger than {most:,} bytes, which no message needs", most=_FILE_BYTES)
        raise BadInput(where, Phrase("{file} {problem}", file=repr(name), problem=problem))
    return _decoded(data, name, where)


def _decoded(data: bytes, name: str, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = Phrase("is not UTF-8 text (byte {at:,})", at=error.start)
    raise BadInput(where, Phrase("{file} {problem}", file=repr(name), problem=problem))


def _unquoted(text: str, error: Exception) -> Phrase | None:
    """A value that begins with braces is a mapping to YAML; what is meant is nearly always a variable."""
    if not isinstance(error, yaml.YAMLError):
        return None
    lines = enumerate(text.splitlines(), 1)
    line = next((number for number, each in lines if _BRACES_UNQUOTED.match(each.lstrip(" -"))), None)
    return None if line is None else Phrase("a text that begins with {{{{ must be in quotes (line {line})", line=line)


def _syntax_problem(error: Exception) -> Phrase:
    """Says where the syntax is broken without the snippet of the file that the parsers would add."""
    match error:
        case json.JSONDecodeError():
            return Phrase(
                "is not valid JSON: {problem} (line {line}, column {column})",
                problem=syntax_problem(error),
                line=error.lineno,
                column=error.colno,
            )
        case yaml.MarkedYAMLError(problem_mark=mark) if mark is not None:
            return _yaml_problem(str(error.problem), mark.line + 1, mark.column + 1)
        case NameTwiceError():
            return Phrase("has the key {name} twice in one object", name=shortened(str(error.name)))
        case yaml.reader.ReaderError():
            return Phrase("contains a character that YAML does not allow (position {at:,})", at=error.position)
    return Phrase("contains a number with too many digits")


def _yaml_problem(told: str, line: int, column: int) -> Phrase:
    if problem := _YAML_SYNTAX.get(told):
        return Phrase(
            "is not valid YAML: {problem} (line {line}, column {column})", problem=problem, line=line, column=column
        )
    return Phrase("is not valid YAML: {said} (line {line}, column {column})", said=told, line=line, column=column)


def _from_json(text: str) -> object:
    return json.loads(text, object_pairs_hook=object_of)


#: By the suffix of the file.
_PARSERS: dict[str, Callable[[str], object]] = {".json": _from_json, ".yaml": json_in_yaml, ".yml": json_in_yaml}
