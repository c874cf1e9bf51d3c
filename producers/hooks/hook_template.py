"""The message of a case that names a saved template, and makes its variables of the payload."""

from typing import NamedTuple

from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput, DeskbellError
from ledger.messages.content import Message
from ledger.messages.jinja_text import context_of
from ledger.phrases import Phrase
from ledger.saved_template import Reference
from ledger.template_filling import filled_message
from producers.hooks.dialect import SANDBOX
from producers.hooks.payload import Cut
from producers.hooks.schema import RuleFields
from producers.hooks.template_context import TemplateContext, leaf

__all__ = ["HookTemplate", "TemplateName"]


class TemplateName(NamedTuple):
    """Of a desk, as the hooks file has it."""

    desk: str
    written: str


class HookTemplate:
    """Thread-safe."""

    def __init__(self, fields: RuleFields, where: str) -> None:
        """Raises BadInput for an invalid name of a template, or an unknown name in a variable."""
        if fields.template is None:
            raise BadInput(f"{where}.variables", Phrase("can only be given with template"))
        if fields.text is not None or fields.message is not None:
            raise BadInput(f"{where}.template", Phrase("cannot be combined with text or message: give one of them"))
        try:
            Reference.of(fields.template)
        except BadInput as error:
            raise BadInput(f"{where}.template", error.problem) from None
        self.name = TemplateName(fields.desk or DEFAULT_DESK, fields.template)
        self._where = f"{where}.template"
        written = fields.variables or {}
        self._values = {name: leaf(text, f"{where}.variables.{name}") for name, text in written.items()}

    def render(self, context: TemplateContext, cut: Cut) -> Message:
        """With texts and lists of the payload cut. Raises BadInput."""
        found = context.templates.get(self.name)
        if found is None:
            raise BadInput(self._where, Phrase("is not known here"))
        if isinstance(found, DeskbellError):
            raise BadInput(self._where, found.problem if isinstance(found, BadInput) else found.detail)
        values = context_of(context.values(cut), SANDBOX)
        try:
            return filled_message(
                found, self.name.written, {n: each.render(values) for n, each in self._values.items()}
            )
        except BadInput as error:
            field, problem = error.field, error.problem
        # The field of an error is one of the hooks file.
        raise BadInput(f"{self._where.removesuffix('template')}variables" if field == "variables" else field, problem)
