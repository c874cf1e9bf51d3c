"""The message of a case, from its `text`, its `message` table, or the message file that it names."""

from pathlib import Path
from typing import NamedTuple

from ledger.errors import BadInput
from ledger.messages.content import Message
from ledger.messages.images import LocalImage
from ledger.messages.jinja_budget import BUDGET
from ledger.messages.message_file import MessageTemplate, read_message_template
from ledger.messages.template import Template
from ledger.phrases import Phrase
from producers.hooks.dialect import SANDBOX
from producers.hooks.hook_template import HookTemplate, TemplateName
from producers.hooks.payload import Cut
from producers.hooks.schema import RuleFields
from producers.hooks.template_context import WHOLE, TemplateContext, check_names, note_cut

__all__ = ["HookMessage"]

#: What a template sees of texts, until the message is small enough; and when that does not help, of lists.
_CUTS = (
    *(WHOLE, Cut(4000), Cut(1000), Cut(250), Cut(60)),
    *(Cut(60, 100), Cut(60, 30), Cut(60, 10)),
)


class HookMessage:
    """Thread-safe."""

    def __init__(self, fields: RuleFields, where: str, folder: Path) -> None:
        """Raises BadInput for what is no message, or uses an unknown name."""
        self.image: LocalImage | None = None
        self.template_name: TemplateName | None = None  #: without which it cannot be rendered
        if fields.template is not None or fields.variables is not None:
            saved = HookTemplate(fields, where)
            self._where, self.template_name, self._render = f"{where}.template", saved.name, saved.render
            return
        source = _source(fields, where, folder)
        self.image, self._where = source.template.image, source.where
        template = Template.of(source.template.raw, where=source.where, sandbox=SANDBOX)
        check_names(template.variables, source.where)
        self._render = lambda context, cut: template.render(context.values(cut))

    def render(self, context: TemplateContext, problems: list[BadInput]) -> Message:
        """Cuts the texts of the payload, and at last its lists, until the message is no longer too large.

        Raises BadInput. That lists were cut is among the problems.
        """
        BUDGET.renew()  # a template renews it for what costs anything when all values are texts: here they are not
        for cut in _CUTS:
            try:
                message = self._render(context, cut)
            except BadInput as error:
                refusal = error  # too large, or wrong in a way that the last try tells as well
                continue
            note_cut(cut, self._where, problems)
            return message
        raise refusal


class _Source(NamedTuple):
    where: str
    template: MessageTemplate


def _source(fields: RuleFields, where: str, folder: Path) -> _Source:
    match fields.text, fields.message:
        case str() as text, None:
            return _Source(f"{where}.text", MessageTemplate({"msg_type": "text", "content": {"text": text}}))
        case None, dict() as message:
            return _Source(f"{where}.message", MessageTemplate(message))
        case None, str() as file:
            return _Source(f"{where}.message", read_message_template(folder / file, where=f"{where}.message"))
        case None, None:
            raise BadInput(f"{where}.text", Phrase("is missing: give either text or message"))
    raise BadInput(f"{where}.message", Phrase("cannot be combined with text: give one of them"))
