"""How a call of the Feishu API can fail; what the HTTP exchange itself raises is in `http_client.errors`.

DeskbellError
├── NoToken               no access token could be got; carries the verdict of the fetch
└── AskFailed             a question or an upload was not answered; carries the verdict
"""

from feishu.verdict import Verdict
from ledger.errors import DeskbellError

__all__ = ["AskFailed", "NoToken"]


class NoToken(DeskbellError):
    """No access token could be got. Nothing was sent."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(f"no access token: {verdict}")
        self.verdict = verdict


class AskFailed(DeskbellError):
    """A question to Feishu, or an upload, failed. Asking again does no harm.

    Its text tells a person what it means and what helps, then Feishu's own words.
    """

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(" ".join(filter(None, [verdict.means, verdict.do, f"({verdict.evidence})"])))
        self.verdict = verdict
