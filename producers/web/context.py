"""The objects that the routes of one web process share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import Depends, Request

from ledger.api_keys import ApiKeys
from ledger.connection import SCREEN_SECONDS, connect, connect_screen
from ledger.ledger import Ledger
from ledger.saved_templates import SavedTemplates
from ledger.settings import Settings
from ledger.spread_ledger import open_ledgers
from ledger.tally import CounterBuffer, Tally
from producers.hooks.hook import Hook
from producers.hooks.hook_file import load_hooks
from producers.web.authentication import KeyVerifier
from producers.web.group_commit import GroupCommit
from producers.web.large_bodies import LargeBodies
from producers.web.other_servers import OtherServers
from producers.web.shares import Shares
from producers.web.turns import ParsingPool

__all__ = ["ContextDep", "WebContext", "context_of"]


@dataclass(frozen=True)
class WebContext:
    """In `app.state.context`. Nothing in it connects before its first use."""

    settings: Settings
    ledger: Ledger
    screen: Ledger  #: the same for pages and probes, which must not wait long for Redis
    keys: ApiKeys
    group_commit: GroupCommit
    key_verifier: KeyVerifier
    parsing: ParsingPool
    large_bodies: LargeBodies
    shares: Shares
    hooks: Mapping[str, Hook]
    hooks_by_token: Mapping[str, Hook]  #: by the digests of their tokens
    counters: CounterBuffer
    templates: SavedTemplates
    other_servers: OtherServers

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Raises BadInput for a variable that is wrong."""
        ledger, screen = open_ledgers(settings), open_ledgers(settings, connect_screen)
        home = ledger.servers[0].settings
        keys = ApiKeys(ledger)
        # Every request asks for its key first: a frozen Redis is noticed in the time of two short answers, not of three
        # long ones. Two, since the first connection may be half open.
        door = Ledger(home, connect(home, answer_seconds=SCREEN_SECONDS, repeat_seconds=SCREEN_SECONDS + 1))
        hooks = load_hooks(settings)
        return cls(
            settings,
            ledger,
            screen,
            keys,
            GroupCommit(ledger),
            KeyVerifier(door, ApiKeys(door)),
            ParsingPool(),
            LargeBodies(),
            Shares(),
            hooks,
            {digest: hook for hook in hooks.values() for digest in hook.token_digests},
            CounterBuffer(Tally(ledger.redis, ledger.keys)),
            SavedTemplates(ledger),
            OtherServers(),
        )

    def close(self) -> None:
        self.group_commit.close()
        self.key_verifier.close()
        self.parsing.close()
        self.counters.close()
        self.other_servers.close()
        self.ledger.close()
        self.screen.close()


def context_of(request: Request) -> WebContext:
    context: WebContext = request.app.state.context
    return context


async def _context(request: Request) -> WebContext:
    """FastAPI hands a plain function to a thread, which costs more than all else that it does for a request."""
    return context_of(request)


ContextDep = Annotated[WebContext, Depends(_context)]
