"""The engine and its alternatives: all systems in turns, with the same work on the same machine."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from benchmarks.drain import interleaved
from benchmarks.figure import Figure
from benchmarks.measured import Cost
from benchmarks.size import Size, spread
from benchmarks.systems import BATCHED, DRAMATIQ, NAIVE, TASKIQ, announcing, deskbell

__all__ = ["measure"]

#: Of each system in each round, about.
SECONDS = 6.0
ENGINE = deskbell()
#: Peers that acknowledge and record each notification, like Deskbell; tasks of a hundred do not.
ACKNOWLEDGED = (DRAMATIQ, TASKIQ)
LATENCIES_MS = (0, 50)
#: How many times as fast as naive Celery and as the best acknowledged peer, by latency.
ASKED = {0: (8.5, 3.5), 50: (5.5, 2.5)}
#: Of a notification of a desk with a quota: worker CPU in ms, Redis commands, round trips.
MOST_WITH_QUOTAS = (1.0, 28, 2.2)
#: Peers as their users run them; Deskbell as it promises that what is accepted survives a power cut.
FSYNC = "appendfsync always (peers everysec)"
#: The rounds of each system, by its name.
Costs = Mapping[str, Sequence[Cost]]


def measure(size: Size) -> Iterator[Figure]:
    for latency_ms in LATENCIES_MS:
        costs = interleaved((NAIVE, BATCHED, *ACKNOWLEDGED, ENGINE), latency_ms, size, SECONDS)
        yield from against_peers(costs, latency_ms)
        yield from what_each_costs(costs, latency_ms)
    yield with_quotas(size)
    yield many_waiting(size)
    yield many_desks(size)


def against_peers(costs: Costs, latency_ms: int) -> Iterator[Figure]:
    engine, naive = costs[ENGINE.name], costs[NAIVE.name]
    best = max((costs[peer.name] for peer in ACKNOWLEDGED), key=lambda each: median(cost.per_second for cost in each))
    conditions = f"rate unlimited, {ENGINE.desks} desks, {latency_ms} ms API, {FSYNC}, all on this machine"
    yield _speeds(f"drain against naive Celery, {conditions}", engine, naive, ASKED[latency_ms][0])
    yield _speeds(f"drain against the best acknowledged peer, {conditions}", engine, best, ASKED[latency_ms][1])
    shares = [ours.cpu_ms / theirs.cpu_ms for ours, theirs in zip(engine, naive, strict=True)]
    yield Figure(
        f"worker CPU of a notification against naive Celery, {latency_ms} ms API",
        "≤ 0.4×",
        spread(shares, _times),
        median(shares) <= 0.4,
    )
    commands, trips = [cost.commands for cost in engine], [cost.round_trips for cost in engine]
    yield Figure(
        f"Redis commands (scripts' own counted) and round trips of a notification, {latency_ms} ms API",
        "≤ 16, ≤ 0.5",
        f"{spread(commands, '{:.1f}'.format)}, {spread(trips, '{:.2f}'.format)}",
        median(commands) <= 16 and median(trips) <= 0.5,
    )


def what_each_costs(costs: Costs, latency_ms: int) -> Iterator[Figure]:
    for name, rounds in costs.items():
        fsync = "always" if name == ENGINE.name else "everysec"
        what = f"{name}, {latency_ms} ms API, appendfsync {fsync}, {len(rounds)} rounds"
        yield Figure(what, "", _cost(rounds), None)


def with_quotas(size: Size) -> Figure:
    """Each desk's quota covers its part at once: the workers are the bottleneck."""
    system = deskbell(100, "600/minute")
    rounds = interleaved([system], LATENCIES_MS[-1], size, SECONDS)[system.name]
    measured = zip(*((cost.cpu_ms, cost.commands, cost.round_trips) for cost in rounds), strict=True)
    return Figure(
        f"drain of {system.desks} desks at {system.rate}, {LATENCIES_MS[-1]} ms API, a slot for each notification",
        "≤ {} CPU ms, ≤ {} commands, ≤ {} round trips".format(*MOST_WITH_QUOTAS),
        _cost(rounds),
        all(median(values) <= most for values, most in zip(measured, MOST_WITH_QUOTAS, strict=True)),
    )


def many_waiting(size: Size) -> Figure:
    few, many = announcing(size.of(20_000)), announcing(size.of(1_000_000, 20_000))
    costs = interleaved((few, many), 0, size, SECONDS)
    what = f"drain with {size.of(1_000_000, 20_000):,} rows waiting against some thousands"
    server = (spread([cost.server_ms for cost in costs[name]], "{:.3f} ms".format) for name in (many.name, few.name))
    return _speeds(f"{what} (CPU of the server: {' against '.join(server)})", costs[many.name], costs[few.name], 0.97)


def many_desks(size: Size) -> Figure:
    one, thousand = deskbell(1), deskbell(1_000)
    costs = interleaved((one, thousand), 0, size, 2 * SECONDS)
    what = "drain of 1,000 desks against that of 1 desk, as many notifications in all"
    return _speeds(what, costs[thousand.name], costs[one.name], 0.9)


def _cost(rounds: Sequence[Cost]) -> str:
    return ", ".join(
        [
            spread([cost.per_second for cost in rounds], "{:,.0f}/s".format),
            spread([cost.cpu_ms for cost in rounds], "{:.2f} CPU ms".format),
            spread([cost.commands for cost in rounds], "{:.1f} commands".format),
            spread([cost.round_trips for cost in rounds], "{:.2f} round trips".format),
        ]
    )


def _speeds(what: str, ours: Sequence[Cost], others: Sequence[Cost], asked: float) -> Figure:
    """Round by round, since the machine's speed drifts."""
    ratios = [our.per_second / other.per_second for our, other in zip(ours, others, strict=True)]
    return Figure(what, f"≥ {asked}×", spread(ratios, _times), median(ratios) >= asked)


def _times(value: float) -> str:
    return f"{value:.2f}×"
