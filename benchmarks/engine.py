"""The engine and its alternatives: all systems in turns, with the same work on the same machine."""

from collections.abc import Iterator, Mapping

from benchmarks.drain import interleaved, middle
from benchmarks.figure import Figure
from benchmarks.measured import Cost
from benchmarks.systems import BATCHED, DRAMATIQ, NAIVE, TASKIQ, announcing, deskbell

__all__ = ["measure"]

ROUNDS, SECONDS = 3, 6.0
#: For two nearly equal figures, the median of three rounds is too uncertain.
ROUNDS_OF_PAIRS = 5
ENGINE = deskbell()
#: Peers that acknowledge and record each notification, like Deskbell; tasks of a hundred do not.
ACKNOWLEDGED = (DRAMATIQ, TASKIQ)
LATENCIES_MS = (0, 50)


def measure() -> Iterator[Figure]:
    for latency_ms in LATENCIES_MS:
        costs = interleaved((NAIVE, BATCHED, *ACKNOWLEDGED, ENGINE), latency_ms, ROUNDS, SECONDS)
        by_name = {name: middle(each) for name, each in costs.items()}
        yield from against_peers(by_name, latency_ms)
        yield from what_each_costs(by_name, latency_ms)
    yield with_quotas()
    yield from many_waiting()
    yield from many_desks()


def against_peers(by_name: Mapping[str, Cost], latency_ms: int) -> Iterator[Figure]:
    engine, naive = by_name[ENGINE.name], by_name[NAIVE.name]
    best = max((by_name[peer.name] for peer in ACKNOWLEDGED), key=lambda cost: cost.per_second)
    conditions = f"rate unlimited, {ENGINE.desks} desks, {latency_ms} ms API, all on this machine"
    yield _ratio(f"drain against naive Celery, {conditions}", engine.per_second / naive.per_second, 4)
    yield _ratio(f"drain against the best acknowledged peer, {conditions}", engine.per_second / best.per_second, 1.3)
    share = engine.cpu_ms / naive.cpu_ms
    yield Figure(
        f"worker CPU of a notification against naive Celery, {latency_ms} ms API",
        "≤ 0.4×",
        f"{share:.2f}× ({engine.cpu_ms:.2f} ms against {naive.cpu_ms:.2f} ms)",
        share <= 0.4,
    )
    yield Figure(
        f"Redis commands (scripts' own counted) and round trips of a notification, {latency_ms} ms API",
        "≤ 16, ≤ 0.5",
        f"{engine.commands:.1f}, {engine.round_trips:.2f}",
        engine.commands <= 16 and engine.round_trips <= 0.5,
    )


def what_each_costs(by_name: Mapping[str, Cost], latency_ms: int) -> Iterator[Figure]:
    for name, cost in by_name.items():
        yield Figure(f"{name}, {latency_ms} ms API, the middle one of {ROUNDS} rounds", "", _cost(cost), None)


def with_quotas() -> Figure:
    """Each desk's quota covers its part at once: the workers are the bottleneck."""
    system = deskbell(100, "600/minute")
    cost = middle(interleaved([system], LATENCIES_MS[-1], ROUNDS, SECONDS)[system.name])
    return Figure(
        f"drain of {system.desks} desks at {system.rate}, {LATENCIES_MS[-1]} ms API: one id a message, a slot for each",
        "",
        _cost(cost),
        None,
    )


def many_waiting() -> Iterator[Figure]:
    few, many = announcing(20_000), announcing(1_000_000)
    costs = interleaved((few, many), 0, ROUNDS_OF_PAIRS, SECONDS)
    ratio = middle(costs[many.name]).per_second / middle(costs[few.name]).per_second
    yield _ratio("drain with 1,000,000 rows waiting against some thousands", ratio, 0.95)


def many_desks() -> Iterator[Figure]:
    one, thousand = deskbell(1), deskbell(1_000)
    costs = interleaved((one, thousand), 0, ROUNDS_OF_PAIRS, 2 * SECONDS)
    ratio = middle(costs[thousand.name]).per_second / middle(costs[one.name]).per_second
    yield _ratio("drain of 1,000 desks against that of 1 desk, as many notifications in all", ratio, 0.9)


def _cost(cost: Cost) -> str:
    return (
        f"{cost.per_second:,.0f}/s, {cost.cpu_ms:.2f} CPU ms, {cost.commands:.1f} commands,"
        f" {cost.round_trips:.2f} round trips"
    )


def _ratio(what: str, ratio: float, asked: float) -> Figure:
    return Figure(what, f"≥ {asked}×", f"{ratio:.2f}×", ratio >= asked)
