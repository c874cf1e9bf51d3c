"""`/metrics`: what Prometheus reads, of a desk that has been at work."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from ledger import tracing
from ledger.api_key import Scope
from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.client.http_server import Server
from producers.doctor.redis_time import PROBE_KEPT_SECONDS
from producers.web.metrics import LedgerMetrics
from tests.integration.producers.web.web_thread import WebThread
from tests.integration.worker.delivering import TEXT, DeskAtWork, desk_at_work

__all__: list[str] = []

HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
Labels = dict[str, str]


@pytest.fixture
def web(empty_valkey: Settings) -> Iterator[WebThread]:
    with WebThread(empty_valkey) as running:
        yield running


@pytest.fixture
def at_work(empty_valkey: Settings) -> Iterator[DeskAtWork]:
    with desk_at_work(empty_valkey) as at_work:
        yield at_work


class Scraped:
    """One answer of `/metrics`, as Prometheus understands it."""

    def __init__(self, answer: requests.Response) -> None:
        assert answer.status_code == 200, answer.text
        self.text = answer.text
        self.families = {family.name: family for family in text_string_to_metric_families(answer.text)}

    def samples(self, name: str, **labels: str) -> list[tuple[Labels, float]]:
        """Those of this name whose labels are among others these."""
        found = [sample for family in self.families.values() for sample in family.samples if sample.name == name]
        return [(each.labels, each.value) for each in found if labels.items() <= each.labels.items()]

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of the samples. Fails when there is none."""
        found = self.samples(name, **labels)
        assert found, f"no {name} {labels}"
        return sum(value for _, value in found)


def scraped(web: WebThread, **options: Any) -> Scraped:
    web.context.counters.write()
    return Scraped(web.get("/metrics", **options))


def test_what_a_worker_has_done_is_told(web: WebThread, at_work: DeskAtWork) -> None:
    for receiver in ("ou_alice", "ou_ticket_1", "ou_unknown_1"):
        at_work.send(receiver)
    at_work.announce("ou_bob", "ou_carol")
    at_work.deliver()
    at_work.runtime.counters.write()
    told = scraped(web)
    assert told("deskbell_slots_used_total", desk="default") == 6
    assert told("deskbell_slots_wasted_total", cause="ticket_open") == 1
    assert told("deskbell_slots_wasted_total", cause="refused") == 1
    assert told("deskbell_slots_wasted_total") == 2
    assert told("deskbell_attempts_total", via="chat", outcome="delivered", code="0") == 3
    assert told("deskbell_attempts_total", via="user", outcome="delivered") == 1
    assert told("deskbell_attempts_total") == told("deskbell_slots_used_total")
    assert {labels["outcome"]: value for labels, value in told.samples("deskbell_notifications_total")} == {
        "delivered": 3, "rerouted": 1, "failed": 1, "deferred": 0, "unknown": 0, "expired": 0, "joined": 0
    }  # fmt: skip
    assert told("deskbell_delivery_seconds_count", lane="event", outcome="delivered") == 2
    assert told("deskbell_delivery_seconds_count", lane="announcement", outcome="delivered") == 2
    assert told("deskbell_delivery_seconds_bucket", lane="event", outcome="failed", le="+Inf") == 1
    assert told("deskbell_feishu_call_seconds_count", call="send") == 6
    assert told("deskbell_feishu_calls_total", call="tickets") >= 1


def test_what_waits_is_told_by_kind_of_lane_with_the_age_of_the_oldest(web: WebThread, at_work: DeskAtWork) -> None:
    told = scraped(web)
    assert told("deskbell_waiting_notifications") == told("deskbell_oldest_waiting_seconds") == 0
    id = at_work.send("ou_alice")
    at_work.send("ou_bob", at="1h")
    at_work.announce("ou_bob", "ou_carol")
    at_work.announce("ou_dan")
    client, keys = at_work.ledger.redis, at_work.ledger.keys
    client.hset(keys.notification(id), "created_at", client.time()[0] * 1000 - 90_000)
    told = scraped(web)
    assert told("deskbell_waiting_notifications", desk="default", lane="events") == 2
    assert told("deskbell_waiting_notifications", desk="default", lane="announcements") == 3
    assert 89 <= told("deskbell_oldest_waiting_seconds", lane="events") < 100
    assert 0 <= told("deskbell_oldest_waiting_seconds", lane="announcements") < 10


def test_a_hold_is_told_by_its_reason(web: WebThread, at_work: DeskAtWork) -> None:
    assert scraped(web)("deskbell_desk_held") == 0
    at_work.runtime.leases.hold(at_work.desk, "credentials", 60_000, "send: desk (HTTP 401, code 154001)")
    told = scraped(web)
    assert told("deskbell_desk_held", reason="credentials") == told("deskbell_desk_held") == 1
    assert "154001" not in told.text


def test_quota_tickets_unknown_and_workers_are_told(web: WebThread, at_work: DeskAtWork) -> None:
    client, keys = at_work.ledger.redis, at_work.ledger.keys
    at_work.send("ou_cut_1", on_unknown="hold")
    at_work.announce("ou_cut_2")
    at_work.deliver()
    now_ms = client.time()[0] * 1000
    client.zadd(keys.tickets("default"), {"ou_alice": now_ms, "ou_bob": now_ms})
    client.zadd(keys.workers, {"host:1:16": now_ms, "host:2:8": now_ms, "host:3:8": now_ms - 60_000})
    client.set(keys.dropped, 3)
    told = scraped(web)
    assert told("deskbell_quota_calls", window_seconds="60") == 100
    assert told("deskbell_quota_share") == 1
    assert told("deskbell_unknown_notifications") == 2
    assert told("deskbell_tickets_open") == 2
    assert (told("deskbell_workers"), told("deskbell_worker_threads")) == (2, 24)
    assert told("deskbell_dropped_messages_total") == 3
    assert told("deskbell_ledger_up") == 1
    assert told("deskbell_ledger_check", check="durability") == 0


def test_requests_are_told_by_the_route_that_answered_and_accepted_ones_are_timed(web: WebThread) -> None:
    web.post("/v1/notifications", {"receiver_id": "ou_ada", "text": TEXT})
    web.post("/v1/notifications", {"receiver_id": "ou_ada"})
    for id in ("n_1", "n_2"):
        web.get(f"/v1/notifications/{id}")
    web.get("/nobody/knows/this/path")
    told = scraped(web)
    route = "/v1/notifications"
    assert told("deskbell_http_requests_total", method="POST", route=route, status="202") == 1
    assert told("deskbell_http_requests_total", method="POST", route=route, status="422") == 1
    assert told("deskbell_http_requests_total", route=f"{route}/{{id}}", status="404") == 2
    assert told("deskbell_http_requests_total", route="other", status="404") == 1
    assert told("deskbell_accept_seconds_count", route=route) == 1
    assert 0 < told("deskbell_accept_seconds_sum", route=route) < 10
    assert "desk" not in told.samples("deskbell_http_requests_total")[0][0]


def test_every_metric_has_the_prefix_a_help_and_a_type(web: WebThread, at_work: DeskAtWork) -> None:
    at_work.send("ou_alice")
    at_work.deliver()
    at_work.runtime.counters.write()
    for name, family in scraped(web).families.items():
        assert name.startswith("deskbell_")
        assert family.documentation
        assert family.type in ("counter", "gauge", "histogram")


def test_buckets_rise_to_the_count(web: WebThread, at_work: DeskAtWork) -> None:
    at_work.send("ou_alice")
    at_work.deliver()
    at_work.runtime.counters.write()
    told = scraped(web)
    buckets = told.samples("deskbell_feishu_call_seconds_bucket", call="send")
    values = [value for _, value in buckets]
    assert values == sorted(values)
    assert buckets[-1] == ({"desk": "default", "call": "send", "le": "+Inf"}, 1)
    assert told("deskbell_feishu_call_seconds_count", call="send") == 1


def test_no_message_no_receiver_and_no_secret_is_told(web: WebThread, at_work: DeskAtWork) -> None:
    for receiver in ("ou_alice", "ou_ticket_1", "ou_unknown_1", "ou_flaky_1"):
        at_work.send(receiver)
    at_work.deliver()
    at_work.runtime.counters.write()
    text = scraped(web).text
    for private in (TEXT, "ou_", "n_1", "sandbox-secret", "ht-sandbox"):
        assert private not in text


# -- who may ask


def test_without_a_key_configured_this_machine_may_ask(web: WebThread) -> None:
    assert web.get("/metrics").status_code == 200


def test_with_keys_a_key_that_may_read_is_needed(web: WebThread) -> None:
    _, secret = web.context.keys.create("prometheus", frozenset({Scope.READ}), None, None, "test")
    _, sender = web.context.keys.create("shop", frozenset({Scope.SEND}), None, None, "test")
    assert web.get("/metrics").status_code == 401
    assert web.get("/metrics", headers={"Authorization": f"Bearer {sender}"}).status_code == 403
    assert web.get("/metrics", headers={"Authorization": f"Bearer {secret}"}).status_code == 200


def test_a_key_for_some_desks_is_told_of_no_other(empty_valkey: Settings, tmp_path: Path) -> None:
    path = tmp_path / "desks.toml"
    path.write_text('[desk.hr]\napp_id = "x"')
    with WebThread(Settings(data_dir=empty_valkey.data_dir, desks=path, _env_file=None)) as web:
        _, secret = web.context.keys.create("hr", frozenset({Scope.READ}), frozenset({"hr"}), None, "test")
        told = scraped(web, headers={"Authorization": f"Bearer {secret}"})
    assert told("deskbell_desk_held", desk="hr") == 0
    assert 'desk="default"' not in told.text


# -- what it costs, and what it does without Redis


class Counting(redis.Redis):
    """Counts round trips."""

    trips = 0

    def execute_command(self, *arguments: Any, **options: Any) -> Any:
        self.trips += 1
        return super().execute_command(*arguments, **options)

    def pipeline(self, *arguments: Any, **options: Any) -> Any:
        self.trips += 1
        return super().pipeline(*arguments, **options)


def trips(settings: Settings) -> int:
    with Counting.from_url(str(settings.redis)) as client:
        list(LedgerMetrics(Ledger(settings, client), settings.all_desks).collect())
        return client.trips


def test_round_trips_do_not_grow_with_desks_and_announcements(at_work: DeskAtWork, tmp_path: Path) -> None:
    few = trips(at_work.ledger.settings)
    path = tmp_path / "desks.toml"
    path.write_text("\n".join(f'[desk.d{number}]\napp_id = "x"' for number in range(20)))
    for number in range(60):
        at_work.announce(f"ou_{number}")
    at_work.send("ou_alice")
    many = Settings(data_dir=at_work.ledger.settings.data_dir, desks=path, _env_file=None)
    assert len(many.all_desks) == 21
    assert trips(many) == few <= 26


def test_distance_fsync_clock_and_restarts_of_redis_are_told(web: WebThread, at_work: DeskAtWork) -> None:
    ledger = at_work.runtime.ledger
    told = scraped(web)
    assert 0 < told("deskbell_redis_round_trip_seconds") < 60
    assert 0 <= told("deskbell_redis_fsync_seconds") < 60
    assert (told("deskbell_redis_restarts_total"), told("deskbell_redis_clock_last_step_seconds")) == (0, 0)
    assert 0 < ledger.redis.ttl(ledger.keys.probe) <= PROBE_KEPT_SECONDS
    ledger.redis.hset(ledger.keys.aof, mapping={"run": "a", "restarts": 3})
    ledger.redis.hset(ledger.keys.clock, mapping={"steps": 2, "stepped_at": 1, "stepped_by": -3500})
    told = scraped(web)
    assert told("deskbell_redis_restarts_total") == 3
    assert told("deskbell_redis_clock_last_step_seconds") == -3.5


@pytest.mark.parametrize(("setting", "value"), [("appendfsync", "everysec"), ("maxmemory", "1")])
def test_no_fsync_is_told_where_none_is_waited_for(web: WebThread, setting: str, value: str) -> None:
    redis = web.context.ledger.redis
    before = redis.config_get(setting)[setting]
    redis.config_set(setting, value)
    try:
        told = scraped(web)
    finally:
        redis.config_set(setting, before)
    assert told("deskbell_ledger_up") == 1
    assert told.samples("deskbell_redis_fsync_seconds") == []


def test_without_redis_it_says_so_and_does_not_fail(tmp_path: Path) -> None:
    with WebThread(Settings(data_dir=tmp_path, api_keys="", _env_file=None)) as web:
        found = list(LedgerMetrics(web.context.ledger, ["default"]).collect())
    samples = {sample.name: sample.value for family in found for sample in family.samples}
    assert samples["deskbell_ledger_up"] == 0
    assert "deskbell_workers" not in samples


# -- traces


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return exporter


def test_the_trace_of_the_caller_goes_on_in_the_worker(web: WebThread, at_work: DeskAtWork) -> None:
    """Also where the web process has no provider of its own."""
    answer = web.post("/v1/notifications", {"receiver_id": "ou_ada", "text": TEXT}, headers={"traceparent": HEADER})
    assert at_work.ledger.get(answer.json()["id"]).notification.traceparent == HEADER
    with tracing.carrying(HEADER):
        server = Server(web.url, None)
        told = server.post("/v1/notifications", {"receiver_id": "ou_ada", "text": TEXT})
    server.close()
    assert at_work.ledger.get(told["id"]).notification.traceparent == HEADER
    rows = {"rows": [{"receiver_id": "ou_ada"}], "text": TEXT, "name": "Office move"}
    answer = web.post("/v1/announcements", rows, headers={"traceparent": HEADER})
    assert answer.status_code == 202, answer.text
    assert at_work.ledger.announcements.get(answer.json()["id"]).spec.traceparent == HEADER


def test_request_delivery_and_call_are_one_trace(
    web: WebThread, at_work: DeskAtWork, spans: InMemorySpanExporter
) -> None:
    web.post("/v1/notifications", {"receiver_id": "ou_ada", "text": TEXT}, headers={"traceparent": HEADER})
    at_work.deliver()
    by_name = {span.name: span for span in spans.get_finished_spans()}
    request, delivery, send = (by_name[name] for name in ("POST /v1/notifications", "deliver", "feishu send"))
    assert json.loads(request.to_json())["parent_id"] == "0x" + HEADER.split("-")[2]
    assert delivery.parent is not None
    assert delivery.parent.span_id == request.context.span_id
    assert send.parent == delivery.context
    assert {span.instrumentation_scope.name for span in spans.get_finished_spans() if span.instrumentation_scope} == {
        "deskbell"
    }, "FastAPI's own would tell queries, in which a key may stand"
    assert {span.context.trace_id for span in (request, delivery, send)} == {int(HEADER.split("-")[1], 16)}
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST", "http.route": "/v1/notifications", "http.response.status_code": 202
    }  # fmt: skip
