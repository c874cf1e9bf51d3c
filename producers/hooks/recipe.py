"""What a hook is compiled from, without its secret: another process can compile it, too."""

from pathlib import Path
from typing import Any, NamedTuple, Self

from producers.hooks.schema import HookFields, RuleFields

__all__ = ["Origin", "Recipe"]


class Origin(NamedTuple):
    """Where the rules of a hook come from, as far as that changes what they do."""

    #: A ready-made hook. A text that fails is then replaced by a plain one, rather than lost.
    is_ready_made: bool
    #: `key` was written for the whole payload, not for the items that `for_each` makes of it.
    key_is_of_payload: bool


class Recipe(NamedTuple):
    """`cases` are joined with the hook's own fields; `folder` is where its message files are."""

    name: str
    fields: HookFields
    cases: tuple[RuleFields, ...]
    folder: Path
    origin: Origin

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "fields": self.fields.model_dump(mode="json", exclude_unset=True),
            "cases": [case.model_dump(mode="json", exclude_unset=True) for case in self.cases],
            "folder": str(self.folder),
            "origin": list(self.origin),
        }

    @classmethod
    def of_json(cls, raw: dict[str, Any]) -> Self:
        return cls(
            raw["name"],
            HookFields.model_validate(raw["fields"]),
            tuple(RuleFields.model_validate(case) for case in raw["cases"]),
            Path(raw["folder"]),
            Origin(*raw["origin"]),
        )
