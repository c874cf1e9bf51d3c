"""The objects that all pages of a web process share."""

from dataclasses import dataclass

from jinja2 import Environment

from console.failures import Failures
from console.live import Live
from console.ports import Callers, Exports, Proposals
from console.sessions import Sessions
from feishu.codes import CodeTable
from ledger.api_keys import ApiKeys
from ledger.ledger import Ledger

__all__ = ["ConsoleContext"]


@dataclass(frozen=True)
class ConsoleContext:
    """In `app.state.context` of the console's application."""

    ledger: Ledger
    keys: ApiKeys
    sessions: Sessions
    live: Live
    codes: CodeTable
    failures: Failures
    templates: Environment
    proposals: Proposals
    exports: Exports
    callers: Callers
