"""A message whose strings hold Jinja: compiled once, rendered and checked for each receiver.

Every string is rendered for itself and written as JSON afterwards, so no value can break the message.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple, Self

import orjson
from jinja2.runtime import Context
from pydantic import JsonValue

from ledger.errors import BadInput
from ledger.messages.blank import is_blank
from ledger.messages.content import CARD_AND_POST_KB, TEXT_REQUEST_KB, Message, MsgType, normalised, parse_message
from ledger.messages.jinja_budget import BUDGET, LEAF_CHARACTERS, SHORT_CHARACTERS, TOO_MUCH_WORK
from ledger.messages.jinja_names import Naming
from ledger.messages.jinja_sandbox import ENVIRONMENT, Sandbox
from ledger.messages.jinja_text import LacksVariable, Leaf, context_of, has_markup
from ledger.messages.json_fields import LONE_SURROGATE, check_json, dotted, link_problem
from ledger.phrases import Phrase

__all__ = ["LacksVariable", "Template"]

#: Expressions, filters, conditions and pieces of text in one message: each takes some 50 µs to compile.
_NODES = 3_000
#: Fine without a closer look: escaped once more in the request, a text at most doubles.
_TEXT_BYTES = TEXT_REQUEST_KB * 1024 // 2 - 1024
_LINKS = frozenset({"url", "pc_url", "ios_url", "android_url", "default_url"})
#: What `check_card` looks at besides links.
_JUDGED = frozenset({"tag", "schema", "template", "type", "template_id", "template_version_name", "card_id"})


class _Rule(Enum):
    """When a rendered leaf is fine without looking at the whole message again."""

    ANY = auto()
    NOT_BLANK = auto()
    LINK = auto()
    NEVER = auto()  #: the check of the message may depend on it in some other way


class _Reading(NamedTuple):
    """What all parts of a message are compiled with."""

    msg_type: MsgType
    where: str
    sandbox: Sandbox
    naming: Naming | None


@dataclass(frozen=True, slots=True)
class _Slot:
    leaf: Leaf
    rule: _Rule

    def plainly_fine(self, text: str) -> bool:
        match self.rule:
            case _Rule.ANY:
                return True
            case _Rule.NOT_BLANK:
                return not is_blank(text)
            case _Rule.LINK:
                return link_problem(text) is None
        return False


class Template:
    """A message template. Nothing in its repr tells the message. Safe to share between threads.

    A message is judged by `parse_message` alone. Since that looks at every part of a card for every row, a row that
    differs from one that passed only where any text, or any link, is allowed is fine without it.
    """

    __slots__ = (
        *("_constants", "_empties", "_is_plain", "_names", "_node_count", "_passed", "_sandbox", "_slots", "_where"),
        *("constants", "msg_type", "variables"),
    )

    def __init__(
        self,
        msg_type: MsgType,
        content: dict[str, JsonValue],
        where: str,
        sandbox: Sandbox = ENVIRONMENT,
        naming: Naming | None = None,
    ) -> None:
        self.msg_type = msg_type
        self._sandbox = sandbox
        self._where = where
        BUDGET.renew()  # for leaves without variables, which are rendered now
        self._constants, self._slots = _split(_pieces(_Reading(msg_type, where, sandbox, naming), content, ()), where)
        #: Words of Jinja's, such as `None`, that it shows: somebody takes them for columns.
        self.constants = frozenset(naming.constants) if naming else frozenset[str]()
        self._names = naming.names if naming else None
        self._empties: dict[str, Any] = naming.empties() if naming else {}
        self.variables = frozenset[str]().union(*(slot.leaf.variables for slot in self._slots))
        self._node_count = sum(slot.leaf.node_count for slot in self._slots)
        self._is_plain = all(slot.leaf.is_plain for slot in self._slots)
        self._passed = False
        if not self._slots:
            self.check({})

    @classmethod
    def of(
        cls,
        raw: Mapping[str, Any],
        *,
        where: str = "message",
        sandbox: Sandbox = ENVIRONMENT,
        columns: Sequence[str] | None = None,
        may_have_others: bool = False,
    ) -> Self:
        """Compiles `msg_type` and `content` as a message file has them, in the dialect of `sandbox`.

        In that of announcements the variables are columns: any, unless `columns` has their names. While these are not
        known, `may_have_others` takes a text between braces that Jinja cannot read for one of them.

        Raises:
            BadInput: a syntax error, in which string and line; a template without variables that is no message.
        """
        check_json(dict(raw), where)
        content = _object_of(raw.get("content"))
        if raw.keys() != {"msg_type", "content"} or raw["msg_type"] not in list(MsgType) or content is None:
            parse_message(raw, where=where)
            raise BadInput(where, Phrase("must be an object with msg_type and content"))
        msg_type = MsgType(raw["msg_type"])
        naming = Naming(columns, may_have_others=may_have_others) if sandbox is ENVIRONMENT else None
        return cls(msg_type, normalised(msg_type, content), where, sandbox, naming)

    def render(self, values: Mapping[str, str]) -> Message:
        """The message for one receiver. Raises BadInput naming the field, or LacksVariable naming the variable."""
        return Message.model_construct(msg_type=self.msg_type, content=orjson.loads(self.check(values)))

    def check(self, values: Mapping[str, str]) -> str:
        """What `render` checks, and the wire content alone: cheaper by building no object."""
        texts = self._texts(values)
        wire = self._wire(texts)
        if not (self._passed and self._plainly_fine(texts, wire)):
            parse_message({"msg_type": self.msg_type, "content": orjson.loads(wire)}, where=self._where)
            self._passed = True
        return wire.decode()

    def render_unchecked(self, values: Mapping[str, str]) -> tuple[MsgType, str]:
        """The type and the wire content, for values that passed `check` before. Raises BadInput when they lack one."""
        return self.msg_type, self._wire(self._texts(values)).decode()

    def __repr__(self) -> str:
        return f"Template(msg_type={str(self.msg_type)!r}, variables={sorted(self.variables)})"

    def _texts(self, values: Mapping[str, Any]) -> list[str]:
        if not self._slots:
            return []
        longest = 0
        for name in self.variables:
            value = values.get(name)
            length = len(value) if isinstance(value, str) else 0  # a hook has objects, too, which are bounded elsewhere
            if length > LEAF_CHARACTERS:
                problem = Phrase("has {n:,} characters: at most {most:,} are allowed", n=length, most=LEAF_CHARACTERS)
                raise BadInput(self._where, Phrase("the variable {name} {problem}", name=repr(name), problem=problem))
            if length > longest:
                longest = length
        if longest > SHORT_CHARACTERS or not self._is_plain:  # most messages of most announcements are plain
            BUDGET.renew(self._node_count, longest)
            if BUDGET.left < 0:
                raise BadInput(self._where, TOO_MUCH_WORK)
        context: Context = context_of(values if self._names is None else self._given(values), self._sandbox)
        return [slot.leaf.render(context) for slot in self._slots]

    def _given(self, values: Mapping[str, str]) -> dict[str, Any]:
        """The values by their identifiers."""
        given = {each: values[name] for each, name in (self._names or {}).items() if name in values}
        return given if len(given) == len(self._empties) else {**self._empties, **given}

    def _wire(self, texts: list[str]) -> bytes:
        written = [self._constants[0]]
        for slot, text, constant in zip(self._slots, texts, self._constants[1:], strict=True):
            written += (_json(text, slot.leaf.where), constant)
        return b"".join(written)

    def _plainly_fine(self, texts: list[str], wire: bytes) -> bool:
        allowed_bytes = _TEXT_BYTES if self.msg_type is MsgType.TEXT else CARD_AND_POST_KB * 1024
        return len(wire) <= allowed_bytes and all(
            slot.plainly_fine(text) for slot, text in zip(self._slots, texts, strict=True)
        )


def _object_of(content: object) -> dict[str, JsonValue] | None:
    if isinstance(content, str):
        try:
            content = orjson.loads(content)
        except orjson.JSONDecodeError:
            return None
    return content if isinstance(content, dict) else None


def _json(text: str, where: str) -> bytes:
    try:
        return orjson.dumps(text)
    except orjson.JSONEncodeError:
        refusal = BadInput(where, LONE_SURROGATE)
    # Raised outside the except clause: orjson's error would carry the text along.
    raise refusal


def _split(pieces: Iterator[bytes | _Slot | int], where: str) -> tuple[list[bytes], list[_Slot]]:
    """The slots, and the JSON around them: one more constant than slots."""
    constants: list[list[bytes]] = [[]]
    slots: list[_Slot] = []
    node_count = 0
    for piece in pieces:
        match piece:
            case bytes():
                constants[-1].append(piece)
            case _Slot():
                slots.append(piece)
                constants.append([])
            case int():
                node_count += piece
        if node_count > _NODES:
            raise BadInput(where, Phrase("is too long: more than {most:,} expressions and texts in all", most=_NODES))
    return [b"".join(constant) for constant in constants], slots


def _pieces(reading: _Reading, value: JsonValue, path: tuple[Any, ...]) -> Iterator[bytes | _Slot | int]:
    """The JSON of `value`, as orjson writes it, in pieces; and for each leaf, beside it, its number of nodes."""
    match value:
        case dict():
            yield b"{"
            for count, (key, inner) in enumerate(value.items()):
                yield (b"," if count else b"") + orjson.dumps(key) + b":"
                yield from _member(reading, value, key, inner, (*path, key))
            yield b"}"
        case list():
            yield b"["
            for index, inner in enumerate(value):
                yield b"," if index else b""
                yield from _member(reading, {}, "", inner, (*path, index))
            yield b"]"
        case _:
            yield orjson.dumps(value)


def _member(
    reading: _Reading, parent: dict[str, JsonValue], key: str, value: JsonValue, path: tuple[Any, ...]
) -> Iterator[bytes | _Slot | int]:
    if not isinstance(value, str) or not has_markup(value):
        yield from _pieces(reading, value, path)
        return
    leaf = Leaf(value, dotted(reading.where, ("content", *path)), reading.sandbox, reading.naming)
    yield leaf.node_count
    if leaf.variables:
        yield _Slot(leaf, _rule(reading.msg_type, parent, key))
    else:
        yield _json(leaf.render(context_of({}, reading.sandbox)), leaf.where)


def _rule(msg_type: MsgType, parent: dict[str, JsonValue], key: str) -> _Rule:
    match msg_type, parent.get("tag"), key:
        case MsgType.TEXT, _, "text":
            return _Rule.NOT_BLANK
        case MsgType.POST, "text" | "a" | "md" | "code_block", "text":
            return _Rule.NOT_BLANK  # one of them must show something
        case MsgType.POST, "a", "href":
            return _Rule.LINK
        case MsgType.POST, "at", "user_id":
            return _Rule.NOT_BLANK
        case MsgType.POST, None, "title":
            return _Rule.NOT_BLANK
        case MsgType.INTERACTIVE, _, _ if key in _LINKS:
            return _Rule.LINK
        case MsgType.INTERACTIVE, _, _ if key not in _JUDGED:
            return _Rule.ANY
    return _Rule.NEVER


def _as_list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
