"""The table that says what an answer of the API means: (HTTP status, code, msg) → class. Its rows: `codes.toml`."""

import re
from enum import StrEnum
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
    field_validator,
    model_validator,
)

from ledger.errors import BadInput
from ledger.messages.json_fields import refusal_of
from ledger.phrases import Phrase
from ledger.states import Outcome
from ledger.toml_file import parse_toml, read_toml

__all__ = ["CodeTable", "Kind", "Rule"]

#: The variable that names the operator's file; errors in the file are reported under this name.
_VARIABLE = "DESKBELL_ERROR_CODES"
_SHAPE = re.compile(r"^(?=.*\d)[0-9x]+$")


class Kind(StrEnum):
    """The class of an answer: an outcome, or the part of the system that has to act before the next try."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    TRANSIENT = "transient"
    THROTTLED = "throttled"
    TICKET_OPEN = "ticket_open"
    UNKNOWN = "unknown"
    TOKEN = "token"  # noqa: S105  the access token was refused and has been replaced: try again at once
    DESK = "desk"  #: no send of this desk can succeed until somebody fixes it: hold the desk
    QUOTA_SPENT = "quota_spent"  #: the tenant's month or day is used up: hold the desk, loudly

    @property
    def outcome(self) -> Outcome:
        """What goes on record for the attempt. Under a class that is not an outcome, nothing was sent."""
        return _OUTCOMES[self]


_OF_THE_DESK = {
    Kind.TOKEN: Outcome.TRANSIENT,
    Kind.DESK: Outcome.TRANSIENT,
    Kind.QUOTA_SPENT: Outcome.THROTTLED,
}
_OUTCOMES = {kind: _OF_THE_DESK.get(kind) or Outcome(kind.value) for kind in Kind}


class Rule(BaseModel):
    """One row: which answers it fits, and what they mean. `codes.toml` describes the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    code: tuple[StrictInt | StrictStr, ...]
    http_status: tuple[StrictInt | StrictStr, ...] = ("xxx",)
    says: str = ""
    kind: Kind = Field(alias="class")
    then: Kind | None = None
    ticket: bool = False
    means: str = ""
    do: str = ""

    @field_validator("code", "http_status", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else (value,)

    @field_validator("code", "http_status")
    @classmethod
    def _can_fit(cls, shapes: tuple[StrictInt | StrictStr, ...]) -> tuple[StrictInt | StrictStr, ...]:
        for shape in shapes:
            if isinstance(shape, str) and shape not in ("any", "none", "xxx") and not _SHAPE.match(shape):
                raise ValueError(Phrase('{given} is neither a number nor a shape such as "154xxx"', given=repr(shape)))
        return shapes

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.kind is Kind.DELIVERED and (self.code, self.http_status) != ((0,), ("2xx",)):
            raise ValueError(Phrase("only code 0 under an HTTP status 2xx can mean delivered"))
        if (self.kind is Kind.TOKEN) != (self.then is not None):
            raise ValueError(Phrase('class "token" needs `then`, and no other class takes it'))
        if self.then in (Kind.TOKEN, Kind.DELIVERED):
            raise ValueError(Phrase("`then` cannot be {given}", given=self.then.value))
        return self

    def fits(self, code: int | None, http_status: int, msg: str) -> bool:
        """Whether the row matches this answer. `code` is None when the answer carried none."""
        return (
            _fits_any(self._code_shapes, "none" if code is None else str(code))
            and _fits_any(self._status_shapes, str(http_status))
            and self.says.casefold() in msg.casefold()
        )

    @cached_property
    def _code_shapes(self) -> re.Pattern[str]:
        return _pattern(self.code)

    @cached_property
    def _status_shapes(self) -> re.Pattern[str]:
        return _pattern(self.http_status)


class CodeTable:
    """The rows in the order in which they are tried."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules

    @classmethod
    def load(cls, operator_file: Path | None = None) -> Self:
        """The operator's rows, then the built-in ones. Raises BadInput naming the line or row at fault."""
        text = resources.files(__package__).joinpath("codes.toml").read_text("utf-8")
        builtin = _rules_of(parse_toml(text, "codes.toml", _VARIABLE), "codes.toml")
        if operator_file is None:
            return cls(builtin)
        own = _rules_of(read_toml(operator_file, _VARIABLE), str(operator_file))
        for number, rule in enumerate(own, 1):
            if _fits_any(rule._code_shapes, "0"):
                raise BadInput(
                    _VARIABLE,
                    Phrase(
                        "{file}: {where}: code 0 cannot be redefined",
                        file=str(operator_file),
                        where=_row_name(number, rule.code),
                    ),
                )
        return cls(own + builtin)

    def rule(self, code: int | None, http_status: int, msg: str = "") -> Rule:
        """The row for an answer. The table's last rows match anything else, never as a success."""
        return next(rule for rule in self.rules if rule.fits(code, http_status, msg))


def _rules_of(content: dict[str, Any], name: str) -> tuple[Rule, ...]:
    rows = content.pop("rule", [])
    if content or not isinstance(rows, list):
        raise BadInput(_VARIABLE, Phrase("{name}: write rows that begin with [[rule]], nothing else", name=name))
    return tuple(_rule_of(row, number, name) for number, row in enumerate(rows, 1))


def _rule_of(row: Any, number: int, name: str) -> Rule:
    try:
        return Rule.model_validate(row)
    except ValidationError as error:
        wrong = refusal_of(error)
        field = "".join(f" {part}:" for part in [wrong.field.partition("[")[0]] if part)
        code = row.get("code") if isinstance(row, dict) else None
        raise BadInput(
            _VARIABLE,
            Phrase(
                "{name}: {where}:{field} {problem}",
                name=name,
                where=_row_name(number, code),
                field=field,
                problem=wrong.problem,
            ),
        ) from None


def _row_name(number: int, code: Any) -> Phrase:
    shown = code[0] if isinstance(code, tuple) and len(code) == 1 else code
    return Phrase("[[rule]] number {number} (code {code})", number=number, code=str(shown))


def _pattern(shapes: tuple[StrictInt | StrictStr, ...]) -> re.Pattern[str]:
    patterns = {"any": r"-?0*[1-9]\d*", "none": "none"}
    return re.compile("|".join(patterns.get(str(shape)) or str(shape).replace("x", r"\d") for shape in shapes))


def _fits_any(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.fullmatch(text) is not None
