"""The checks of `deskbell doctor`: Redis, the workers, and the desks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, cast

import redis

from ledger.append_only import may_have_hole
from ledger.cluster import cluster_problem
from ledger.connection import reachable, text
from ledger.delivery_options import DEFAULT_DESK
from ledger.durability import Durability
from ledger.errors import LedgerUnreachable, WrongVersion
from ledger.health import address_remedy, unserved
from ledger.holds import whole_hold
from ledger.ledger import Ledger
from ledger.memory import NEARLY_FULL, Fullness
from ledger.phrases import Phrase, parted, phrase_in, said
from ledger.private import OTHERS
from ledger.schema import check_version
from ledger.server_floors import OldServer
from ledger.settings import Desk, Settings
from ledger.vitals import Vitals
from producers.doctor.doctor_check import Check, Status
from producers.doctor.messages import check_messages
from producers.doctor.redis_time import RedisTime, check_clock, check_distance
from producers.doctor.rights import check_rights
from producers.doctor.strays import check_apart, check_forgotten, check_strays

__all__ = ["Check", "Status", "check_desks", "check_files", "check_ledger", "check_servers"]

#: Events that are looked at for damage, the newest first; and damaged records that are named.
_LOOKED_AT, _NAMED = 1000, 5

#: The check of a server in cluster mode.
_MODE = "mode"
_FREE_SPACE = Phrase("free space on its disk, and check the server's log")
#: All others fail.
_DURABILITY = {Durability.ALWAYS: Status.OK, Durability.CONFIRMED: Status.WARN, Durability.HIDDEN: Status.WARN}


def check_servers(ledger: Ledger) -> tuple[list[Check], list[Ledger]]:
    """`check_ledger` of each server. Returns also those that were reached. What is said of one that is not the home has
    its name."""
    checks, reached = [], []
    for server in ledger.servers:
        found, is_reached = check_ledger(server, newest=True)
        checks += [check if server is ledger.servers[0] else _on(server, check) for check in found]
        reached += [server] if is_reached else []
    return [*checks, *_check_together(ledger, reached)], reached


def _check_together(ledger: Ledger, reached: Sequence[Ledger]) -> list[Check]:
    """What the servers show only together."""
    try:
        forgotten = list(check_forgotten(ledger)) if ledger.servers[0] in reached else []
        return [*forgotten, *check_apart(reached), *(check for server in reached for check in check_strays(server))]
    except LedgerUnreachable:  # gone meanwhile, or a cluster, which its own check refuses
        return []


def _on(server: Ledger, check: Check) -> Check:
    return replace(check, name=f"{check.name} {server.settings.redis}")


def check_ledger(ledger: Ledger, *, newest: bool = False) -> tuple[list[Check], bool]:
    """Looks at Redis and at the workers that report there. Returns also whether Redis was reached.

    In as many round trips whatever the ledger holds; with `newest`, records are read too.
    """
    try:
        with reachable(ledger.settings):
            server = list(_check_redis(ledger))
            if any(check.name == _MODE and check.status is Status.FAIL for check in server):
                return server, True  # nothing of the ledger can be read there
            return [
                *server,
                *(check_rights(ledger) if newest else ()),
                *_check_version(ledger),
                *_check_records(ledger, newest=newest),
                _check_workers(ledger),
                *_check_approvers(ledger.settings),
                *check_messages(ledger, look=newest),
            ], True
    except LedgerUnreachable as error:
        return [Check("redis", Status.FAIL, *parted(phrase_in(error)))], False


def _check_redis(ledger: Ledger) -> Iterator[Check]:
    where = ledger.settings.redis
    ledger.redis.ping()
    try:
        info: Any = ledger.redis.info()
    except redis.ResponseError as error:
        found = Phrase("{where} cannot be inspected: {said}", where=str(where), said=str(error))
        do = Phrase("allow INFO for this user: without it, acceptance does not wait for replicas")
        yield Check("redis", Status.WARN, found, do)
        yield _durability(ledger)
        return
    yield Check("redis", Status.OK, Phrase("{server} at {where}", server=_version(info), where=str(where)))
    if old := OldServer.of(info):
        yield Check("server", Status.WARN, old.found, old.do)
    if info.get("cluster_enabled"):
        yield (mode := _mode(ledger))
        if mode.status is Status.FAIL:
            return
    yield _durability(ledger)
    time = RedisTime.ask(ledger)
    yield check_distance(time)
    yield from check_clock(time)
    yield from _role(info)
    yield _eviction(info)
    yield from _room(info, ledger)
    yield from _disk(info, ledger)


def _durability(ledger: Ledger) -> Check:
    given = ledger.assurance.durability
    # Refusing alerts would be worse than what a power cut takes; a restart takes everything.
    accepts = given is not Durability.NONE
    return Check("durability", _DURABILITY.get(given, Status.FAIL), given.found, given.do, accepts)


def _version(info: Mapping[str, Any]) -> str:
    return f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info.get('redis_version')}"


def _role(info: Mapping[str, Any]) -> Iterator[Check]:
    if info.get("role") != "master":
        do = Phrase("point DESKBELL_REDIS_URL at the primary")
        yield Check("role", Status.FAIL, Phrase("this server is a replica"), do)
    # The field is there only where min-replicas-to-write is set.
    if info.get("min_slaves_good_slaves") == 0:
        found = Phrase("the server accepts writes only with a connected replica, and there is none")
        yield Check("replicas", Status.FAIL, found, Phrase("start a replica, or set min-replicas-to-write 0"))


def _mode(ledger: Ledger) -> Check:
    if problem := cluster_problem(ledger.redis, ledger.settings.prefix):
        return Check(_MODE, Status.FAIL, problem.found, problem.do)
    found = Phrase("a cluster of one node, and DESKBELL_PREFIX keeps all keys in one slot")
    return Check(_MODE, Status.OK, found)


def _eviction(info: Mapping[str, Any]) -> Check:
    policy = info.get("maxmemory_policy")
    if policy == "noeviction":
        return Check("eviction", Status.OK, "noeviction")
    # Without a limit nothing is evicted, whatever the policy.
    status = Status.FAIL if info.get("maxmemory") else Status.WARN
    found = Phrase("{policy}: notifications may be dropped", policy=policy)
    return Check("eviction", status, found, Phrase("set maxmemory-policy noeviction"))


def _room(info: Mapping[str, Any], ledger: Ledger) -> Iterator[Check]:
    """Whether Redis is full, or nearly."""
    full = Fullness.of(info)
    if full is None or full.share < NEARLY_FULL:
        return
    is_full = full.share >= 1
    means = Phrase("nothing new is accepted") if is_full else Phrase("at the limit, nothing new is accepted")
    found = Phrase(
        "{used:.0f} of {limit:.0f} MiB used ({share:.0%}): {means}",
        used=full.used / 2**20,
        limit=full.limit / 2**20,
        share=full.share,
        means=means,
    )
    setting = "DESKBELL_MAXMEMORY" if ledger.settings.embedded else "maxmemory"
    do = Phrase("raise {setting}, or wait until results are older than DESKBELL_RESULTS_FOR", setting=setting)
    yield Check("memory", Status.FAIL if is_full else Status.WARN, found, do)


def _disk(info: Mapping[str, Any], ledger: Ledger) -> Iterator[Check]:
    if info.get("aof_last_write_status", "ok") != "ok":
        found = Phrase("the append-only file cannot be written: nothing is accepted or sent")
        yield Check("disk", Status.FAIL, found, _FREE_SPACE)
    elif info.get("aof_last_bgrewrite_status", "ok") != "ok":
        found = Phrase("the append-only file could not be rewritten and keeps growing")
        yield Check("disk", Status.WARN, found, _FREE_SPACE)
    elif may_have_hole(info, ledger.redis.hgetall(ledger.keys.aof)):
        found = Phrase(
            "writes to the append-only file have failed and it has not been rewritten since: the server may not restart"
        )
        do = Phrase("a worker does this within seconds; without a worker, run BGREWRITEAOF")
        yield Check("disk", Status.WARN, found, do)


def _check_version(ledger: Ledger) -> Iterator[Check]:
    try:
        check_version(ledger.redis, ledger.keys)
    except WrongVersion as error:
        yield Check("version", Status.FAIL, *parted(phrase_in(error)))


def _check_workers(ledger: Ledger) -> Check:
    """Without a worker nothing is lost, so acceptance goes on."""
    vitals = Vitals.ask(ledger)
    workers = vitals.workers
    for condition in unserved(vitals, ledger.settings.desks_here):
        return Check("workers", Status.FAIL, condition.found, condition.do, accepts=True)
    if not workers:
        do = Phrase("run `deskbell up`, or start a worker as in the Procfile")
        return Check("workers", Status.WARN, Phrase("no worker is running: accepted notifications wait"), do)
    threads = sum(worker.concurrency for worker in workers)
    hosts = ", ".join(sorted({worker.host for worker in workers}))
    found = Phrase(
        "{workers} with {n} thread, on {hosts} | {workers} with {n} threads, on {hosts}",
        workers=len(workers),
        n=threads,
        hosts=hosts,
    )
    return Check("workers", Status.OK, found)


def _check_approvers(settings: Settings) -> Iterator[Check]:
    """Told once, with the home."""
    if settings.approvers and not settings.public_url and not settings.server:
        found = Phrase("approvers get no message about drafts that wait for approval: it needs a link")
        yield Check(
            "approvers", Status.WARN, found, Phrase("set DESKBELL_PUBLIC_URL to where people reach the console")
        )


def _check_records(ledger: Ledger, *, newest: bool) -> Iterator[Check]:
    """Damaged records that the verbs came across, and on request those among the newest."""
    damaged = {text(id) for id in ledger.redis.zrange(ledger.keys.damaged, 0, -1)}
    if newest:
        damaged |= {record.id for record in islice(ledger.events(), _LOOKED_AT) if record.damage}
        damaged |= {each.id for each in ledger.announcements.newest() if each.damage}
    if damaged:
        found = Phrase("{count} damaged: {ids}", count=len(damaged), ids=", ".join(sorted(damaged)[:_NAMED]))
        do = Phrase(
            "inspect them with `deskbell show ID`, settle them with `deskbell resolve`, and check disk and memory"
        )
        yield Check("records", Status.WARN, found, do)


def check_files(settings: Settings) -> Iterator[Check]:
    """Whether others can read `.env`, if it is used, and the data directory of the embedded server."""
    for path in (Path(".env"), *([settings.data_dir] if settings.embedded else [])):
        if path.exists() and (mode := path.stat().st_mode & 0o777) & OTHERS:
            about = {"file": str(path), "mode": f"{mode:o}"}
            found = Phrase("{file} has mode {mode}: other users of this machine can read it", **about)
            yield Check("files", Status.WARN, found, said(f"chmod {mode & ~OTHERS:o} {path}"))


def check_desks(settings: Settings, reached: Sequence[Ledger]) -> Iterator[Check]:
    """Missing credentials, and holds; only the former of desks whose server was not reached."""
    for desk in settings.all_desks.values():
        yield _check_credentials(desk, alone=len(settings.all_desks) == 1)
        ledger = next((server for server in reached if desk.name in server.settings.desks_here), None)
        if ledger is None:
            continue
        with reachable(settings):
            kept = cast("list[bytes | None]", ledger.redis.hmget(ledger.keys.desk(desk.name), "hold", "people_hold"))
        hold, people_hold = map(whole_hold, kept)
        if people_hold:
            found = Phrase("Feishu does not say who addresses belong to ({hold}): {reason}", **_about(people_hold))
            yield Check(f"desk {desk.name}", Status.WARN, found, address_remedy(desk.name, people_hold))
        if hold:
            yield _check_hold(desk.name, hold)


def _check_hold(desk: str, hold: Mapping[str, Any]) -> Check:
    until = f"{datetime.fromtimestamp(hold['until'] / 1000).astimezone():%H:%M:%S}"
    found = Phrase("held ({hold}) until {until}: {reason}", **_about(hold), until=until)
    do = Phrase("fix the cause, then `deskbell resume --desk {desk}`", desk=desk)
    return Check(f"desk {desk}", Status.WARN, found, "" if hold["kind"] == "throttled" else do)


def _about(hold: Mapping[str, Any]) -> dict[str, str]:
    return {"hold": hold["kind"], "reason": hold["reason"]}


def _check_credentials(desk: Desk, *, alone: bool) -> Check:
    name = f"desk {desk.name}"
    if not desk.missing:
        return Check(name, Status.OK, Phrase("the four credentials are set"))
    unused = desk.name == DEFAULT_DESK and len(desk.missing) == 4 and not alone
    if unused:
        return Check(name, Status.OK, Phrase("not used: none of its credentials are set"))
    if desk.name == DEFAULT_DESK:
        missing = ", ".join(f"DESKBELL_{part.upper()}" for part in desk.missing)
        found, do = Phrase("not set: {names}", names=missing), Phrase("set them, for example in .env")
    else:
        found = Phrase("not set: {names}", names=", ".join(desk.missing))
        do = Phrase("set them under [desk.{desk}]", desk=desk.name)
    return Check(name, Status.FAIL, found, do)
