"""What the routes of one web process share."""

from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import Depends, Request

from ledger.api_keys import ApiKeys
from ledger.counter_buffer import CounterBuffer
from ledger.ledger import Ledger
from ledger.settings import Settings
from ledger.tally import Tally
from producers.client.notifier import Notifier
from producers.hooks.hook_file import Hooks
from producers.web.acceptance import Acceptance
from producers.web.doorkeeper import Doorkeeper
from producers.web.parsing_pool import ParsingPool
from producers.web.shares import Shares

__all__ = ["Site", "SiteDep", "site_of"]


@dataclass(frozen=True)
class Site:
    """Stands at `app.state.site`. Nothing in it connects before its first use."""

    settings: Settings
    ledger: Ledger
    notifier: Notifier
    keys: ApiKeys
    acceptance: Acceptance
    doorkeeper: Doorkeeper
    parsing: ParsingPool
    shares: Shares
    hooks: Hooks
    counters: CounterBuffer

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Raises BadInput for a variable that is wrong."""
        ledger = Ledger(settings)
        keys = ApiKeys(ledger)
        hooks = Hooks.load(settings)
        counters = CounterBuffer(Tally(ledger.redis, ledger.keys))
        return cls(
            settings,
            ledger,
            Notifier(ledger),
            keys,
            Acceptance(ledger),
            Doorkeeper(ledger, keys),
            ParsingPool(),
            Shares(),
            hooks,
            counters,
        )

    def close(self) -> None:
        self.acceptance.close()
        self.doorkeeper.close()
        self.parsing.close()
        self.counters.close()
        self.ledger.redis.close()


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


async def _site(request: Request) -> Site:
    """FastAPI hands a plain function to a thread, which costs more than all else that it does for a request."""
    return site_of(request)


SiteDep = Annotated[Site, Depends(_site)]
