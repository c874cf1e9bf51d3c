"""`/metrics`: everything that Prometheus asks for, read from Redis when it asks.

So it is the same whichever web process answers, and counts all workers of all machines.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Sample
from starlette.responses import Response

from ledger.api_key import Scope
from ledger.callbacks import Callbacks
from ledger.connection import reachable
from ledger.desk_status import desk_statuses
from ledger.errors import LedgerUnreachable
from ledger.ledger import Ledger
from ledger.server_runs import restarts
from ledger.tally import EVERYWHERE, Tally
from ledger.workers import live_workers
from producers.doctor.diagnosis import check_ledger
from producers.doctor.doctor_check import Check, Status
from producers.doctor.redis_time import RedisTime, fsync_ms
from producers.web.access import Caller, Needs
from producers.web.context import ContextDep, WebContext
from producers.web.counters import tallied
from producers.web.gauges import checked, of_all_desks, of_desks, of_redis
from producers.web.openapi.refusals import refusals
from producers.web.openapi.scopes import needing

__all__ = ["LedgerMetrics", "router"]

#: Announcements that are looked at, newest first; those before them are long over.
KNOWN = 500

router = APIRouter(tags=["metrics"])


_reader = Needs(Scope.READ)


async def _reader_if_known(request: Request) -> Caller | None:
    """None while Redis is away, so that no key can be looked up: any caller may learn that alone, as from `/readyz`."""
    try:
        return await _reader(request)
    except LedgerUnreachable:
        return None


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses=refusals(401, 403, 429, 503),
    openapi_extra=needing(Scope.READ),
)
def get_metrics(
    request: Request, context: ContextDep, caller: Annotated[Caller | None, Depends(_reader_if_known)]
) -> Response:
    """The metrics of the desks that the key is for, in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    if caller is None:
        registry.register(_Unreached())
    else:
        desks = [name for name in context.settings.all_desks if caller.may_use(name)]
        registry.register(_metrics_of(context, desks))
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), headers={"content-type": content_type})


def _metrics_of(context: WebContext, desks: Sequence[str]) -> Collector:
    if len(context.screen.servers) == 1:
        return LedgerMetrics(context.screen, desks)
    return _SpreadMetrics(context, desks)


class _SpreadMetrics(Collector):
    """Of several servers. What is about no desk has the server as a label."""

    def __init__(self, context: WebContext, desks: Sequence[str]) -> None:
        self._servers, self._others, self._desks = context.screen.servers, context.other_servers, desks

    def collect(self) -> Iterator[Metric]:
        together: dict[str, Metric] = {}
        for server in self._servers:
            for family in self._of_server(server):
                known = together.setdefault(family.name, family)
                labelled = [_on_server(sample, str(server.settings.redis)) for sample in family.samples]
                known.samples = labelled if known is family else [*known.samples, *labelled]
        yield from together.values()

    def _of_server(self, server: Ledger) -> list[Metric]:
        metrics = LedgerMetrics(server, [name for name in self._desks if name in server.settings.desks_here])
        if server is self._servers[0]:
            return list(metrics.collect())
        found = self._others.within(str(server.settings.redis), "metrics", lambda: list(metrics.collect()))
        return list(_Unreached().collect()) if found is None else found


def _on_server(sample: Sample, where: str) -> Sample:
    return sample if "desk" in sample.labels else sample._replace(labels={**sample.labels, "server": where})


class _Unreached(Collector):
    """All that is known while Redis is away: no old number."""

    def collect(self) -> Iterator[Metric]:
        yield from checked([Check("redis", Status.FAIL, "", "")], reached=False)


class LedgerMetrics(Collector):
    """Reads some of the desks in a number of round trips that does not grow with what there is to read.

    While Redis is away it says so: an answer without it would look like a web process that is down.
    """

    def __init__(self, ledger: Ledger, desks: Iterable[str]) -> None:
        # One of our own, since a ledger remembers what it has asked the server once, and that may have changed.
        self._ledger = Ledger(ledger.settings, ledger.redis)
        self._desks = list(desks)

    def collect(self) -> Iterator[Metric]:
        checks, reached = check_ledger(self._ledger)
        found: list[Metric] = []
        if reached:
            try:
                with reachable(self._ledger.settings):
                    found = list(self._read())
            except LedgerUnreachable:
                reached = False
        yield from checked(checks, reached=reached)
        yield from found

    def _read(self) -> Iterator[Metric]:
        ledger, keys = self._ledger, self._ledger.keys
        announcements = ledger.announcements.several(ledger.announcements.ids(KNOWN))
        desks = [ledger.settings.desk(name) for name in self._desks]
        yield from of_desks(desk_statuses(ledger, desks, announcements))
        names = [*self._desks, EVERYWHERE]
        totals = Tally(ledger.redis, keys).totals(names)
        yield from tallied(dict(zip(names, totals, strict=True)))
        dropped = int(ledger.redis.get(keys.dropped) or 0)
        yield from of_all_desks(live_workers(ledger.redis, keys), dropped, *Callbacks(ledger).counts())
        time = RedisTime.ask(ledger)
        yield from of_redis(time, fsync_ms(ledger, time.round_trip_ms), restarts(ledger.redis, keys))
