"""The fields of a hooks file, before compilation."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ledger.delivery_options import OnOpenTicket, OnUnknown, ReceiveType, UserIdType
from ledger.messages.json_fields import Filled, Shape
from ledger.phrases import Phrase
from producers.hooks.signature import Signature, SignatureEncoding

__all__ = ["HookFields", "RuleFields"]

#: Of a URL that is secret by it: as long as nobody guesses.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}", re.ASCII)


def _bot_token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise PydanticCustomError("token", Phrase("must be 16 to 64 letters, digits, '-' and '_'"))
    return text


BotToken = Annotated[str, AfterValidator(_bot_token)]


class RuleFields(Shape):
    """Receivers and message. A hook has them for all its rules, a rule for itself."""

    when: Filled | None = None
    to: str | list[str] | None = None
    text: Filled | None = None
    message: str | dict[str, Any] | None = None
    template: Filled | None = None
    variables: dict[str, str] | None = None
    key: Filled | None = None
    desk: Filled | None = None
    receive_type: Annotated[ReceiveType | None, Field(strict=False)] = None
    user_id_type: Annotated[UserIdType | None, Field(strict=False)] = None
    expires: Filled | None = None
    on_unknown: Annotated[OnUnknown | None, Field(strict=False)] = None
    on_open_ticket: Annotated[OnOpenTicket | None, Field(strict=False)] = None
    throttle: Filled | None = None
    throttle_key: Filled | None = None
    digest: Filled | None = None
    digest_by: Filled | None = None
    quiet: Filled | None = None
    timezone: Filled | None = None
    urgent: Filled | None = None
    alert: Filled | None = None
    resolved: Filled | None = None
    fired_at: Filled | None = None
    resolved_at: Filled | None = None

    def given(self) -> dict[str, Any]:
        """What was written, of the fields that a case has."""
        return {name: getattr(self, name) for name in RuleFields.model_fields if name in self.model_fields_set}


class HookFields(RuleFields):
    """One table `[hook.NAME]`, or the file of a ready-made hook."""

    use: str | None = None
    summary: str | None = None
    format: Literal["json", "generic", "cloudevents", "alerts", "slack", "feishu-bot"] | None = None
    for_each: Filled | None = None
    signature: Annotated[Signature | None, Field(strict=False)] = None
    timestamp_header: Filled | None = None
    signature_header: Filled | None = None
    signature_prefix: str | None = None
    signature_encoding: Annotated[SignatureEncoding | None, Field(strict=False)] = None
    secret: str | None = Field(None, repr=False)
    secret_env: Filled | None = None
    secret_file: Filled | None = None
    tokens: list[BotToken] = Field(default_factory=list, repr=False)
    case: list[RuleFields] = Field(default_factory=list)
