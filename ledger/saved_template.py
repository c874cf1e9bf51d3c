"""A saved template: one version of a message with variables, which belongs to a desk under a name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, Self

import orjson

from ledger.errors import BadInput
from ledger.messages.message_file import MessageTemplate
from ledger.messages.template import Template
from ledger.phrases import Phrase
from ledger.times import iso

__all__ = ["Reference", "SavedTemplate", "checked_name"]

#: Letters of any language, since people name them. No blank, so that it needs no quotes; `@` begins a version.
_NAME = re.compile(r"\w[\w.-]{0,63}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
#: Messages that are kept compiled in a process. Each of a few hundred variables takes some 100 KB.
_COMPILED = 64


class Reference(NamedTuple):
    """How a template is named: `move`, which is its latest version, or `move@3`."""

    name: str
    version: int | None

    @classmethod
    def of(cls, written: object) -> Self:
        """Raises BadInput."""
        name, at, version = written.partition("@") if isinstance(written, str) else ("", "", "")
        if not _NAME.fullmatch(name) or (at and not _VERSION.fullmatch(version)):
            raise BadInput("template", Phrase("must be the name of a template, or with a version: move, move@3"))
        return cls(name, int(version) if at else None)


def checked_name(name: str) -> str:
    """A name that a template may be saved under. Raises BadInput."""
    if not _NAME.fullmatch(name):
        problem = Phrase("must be 1 to 64 letters, digits and _ . -, and start with a letter, a digit or _")
        raise BadInput("name", problem)
    return name


@dataclass(frozen=True, slots=True)
class SavedTemplate:
    """One version. Its repr leaves out the message."""

    desk: str
    name: str
    version: int
    variables: tuple[str, ...]
    at_ms: int
    by: str
    message: Mapping[str, Any] = field(repr=False)  #: with Jinja in its strings
    markdown: str | None = field(repr=False)  #: that the message was made from

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def template(self) -> Template:
        """Compiled: one for all that have the same message."""
        return _compiled(orjson.dumps(self.message), self.variables)

    def for_announcement(self, written: str) -> MessageTemplate:
        """Its variables are columns then. `written` is how it was named."""
        return MessageTemplate(self.message, asked=written, markdown=self.markdown)

    def as_json(self, *, with_message: bool) -> dict[str, Any]:
        """Without `with_message` the message and its Markdown are null."""
        fields: dict[str, Any] = {"desk": self.desk, "name": self.name, "version": self.version}
        fields["variables"] = list(self.variables)
        fields |= {"saved_at": iso(self.at_ms), "saved_by": self.by}
        return fields | {name: getattr(self, name) if with_message else None for name in ("message", "markdown")}

    def to_process(self) -> dict[str, Any]:
        """What `of_process` reads in another process."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of_process(cls, raw: Mapping[str, Any]) -> Self:
        return cls(**{**raw, "variables": tuple(raw["variables"])})


@lru_cache(maxsize=_COMPILED)
def _compiled(message: bytes, variables: tuple[str, ...]) -> Template:
    return Template.of(orjson.loads(message), columns=variables)
