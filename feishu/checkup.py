"""Asking Feishu which of a desk's four credentials it accepts."""

from dataclasses import dataclass, field

from feishu.client import FeishuClient
from feishu.verdict import AskFailed, Verdict

__all__ = ["Checkup", "check_desk"]

_APP, _HELPDESK = ("app_id", "app_secret"), ("helpdesk_id", "helpdesk_token")
#: What a code says about the credentials that the call used. FEISHU.md, "Token error codes" and the helpdesk codes.
_TOKEN_CODES: dict[int, dict[str, str]] = {
    10003: dict.fromkeys(_APP, "suspect"),
    10014: {"app_id": "refused"},
    10015: {"app_id": "accepted", "app_secret": "refused"},
    99991543: dict.fromkeys(_APP, "suspect"),
}
_TICKETS_CODES: dict[int, dict[str, str]] = {
    # Feishu's hint: both headers must be right, and of one tenant.
    154001: dict.fromkeys(_HELPDESK, "suspect"),
}


@dataclass
class Checkup:
    """What came out for one desk. `credentials` says of each of the four:

    accepted   Feishu took it
    refused    Feishu says that this one is wrong
    suspect    Feishu refused it together with another one, and does not say which is wrong
    unknown    nothing is known: Feishu was not reached, or something else is the matter
    """

    credentials: dict[str, str] = field(default_factory=lambda: dict.fromkeys((*_APP, *_HELPDESK), "unknown"))
    failure: Verdict | None = None  #: of the first call that Feishu did not carry out

    def note_failure(self, verdict: Verdict, codes: dict[int, dict[str, str]]) -> None:
        """Keeps what Feishu answered, and what its code says about the credentials."""
        self.failure = verdict
        if verdict.code is not None:
            self.credentials |= codes.get(verdict.code, {})


def check_desk(client: FeishuClient) -> Checkup:
    """Asks for a token, and with it for the open tickets. Both are harmless, and take nothing of the quota of sends."""
    checkup = Checkup()
    if failure := client.ready():
        checkup.note_failure(failure, _TOKEN_CODES)
        return checkup
    checkup.credentials |= dict.fromkeys(_APP, "accepted")
    try:
        client.open_tickets()
    except AskFailed as error:
        checkup.note_failure(error.verdict, _TICKETS_CODES)
    else:
        checkup.credentials |= dict.fromkeys(_HELPDESK, "accepted")
    return checkup
