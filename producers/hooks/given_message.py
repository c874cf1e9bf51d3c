"""The message of a hook without a text of its own, whose senders post messages themselves, as to Feishu or Slack."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from ledger.errors import BadInput
from ledger.messages.content import Message
from ledger.messages.images import LocalImage
from ledger.messages.mentions import without_mentions
from ledger.phrases import Phrase
from producers.hooks.feishu_bot import bot_message
from producers.hooks.hook_template import TemplateName
from producers.hooks.payload import Cut
from producers.hooks.slack_card import slack_message
from producers.hooks.template_context import WHOLE, TemplateContext, note_cut

__all__ = ["FORMS", "GivenMessage"]

#: What stands of each text and list of Slack's, until the message is small enough.
_CUTS = (WHOLE, Cut(4000), Cut(1000, 40), Cut(250, 20), Cut(60, 5))


def _of_bot(payload: Mapping[str, Any], _: Cut) -> Message:
    """Whole: it was written for Feishu, and nobody can say what of a card may be left out."""
    return bot_message(payload)


#: By `format`: the message that a payload is, cut.
FORMS: Final[Mapping[str, Callable[[Mapping[str, Any], Cut], Message]]] = {
    "feishu-bot": _of_bot,
    "slack": slack_message,
}


class GivenMessage:
    """Thread-safe."""

    image: LocalImage | None = None
    template_name: TemplateName | None = None

    def __init__(self, form: str, where: str) -> None:
        self._of = FORMS[form]
        self._is_kept_whole = form == "feishu-bot"
        self._cuts = _CUTS[:1] if self._is_kept_whole else _CUTS
        self._where = where

    def render(self, context: TemplateContext, problems: list[BadInput]) -> Message:
        """Raises BadInput where there is nothing to send, or it must be sent whole and cannot. Cuts are problems."""
        for cut in self._cuts:
            try:
                message = self._of(context.payload, cut)
            except BadInput as error:
                refusal = error
                continue
            note_cut(cut, self._where, problems)
            return message
        if self._is_kept_whole or refusal.field == "text":
            raise refusal
        problem = Phrase("{problem}; a plain text was sent instead", problem=refusal.problem)
        problems.append(BadInput(refusal.field, problem))
        return Message.text(without_mentions(str(context.plain)))
