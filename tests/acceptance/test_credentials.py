"""Wrong credentials: notifications wait, with Feishu's answer on record, and few calls are made."""

from collections.abc import Callable

import pytest

from ledger.states import State
from tests.acceptance.sandbox_process import APP_SECRET, HELPDESK_TOKEN, MESSAGE_PATH
from tests.acceptance.site import Site, eventually, soon

#: More events than both workers have threads, and how many threads that is.
EVENTS, THREADS = 30, 16
TOKEN_PATH = "/tenant_access_token/internal"
#: What a deferred notification waits after the desk was refused is 60 s; "at once" is well below that.
AT_ONCE_SECONDS = 5


@pytest.mark.parametrize(
    ("variable", "right", "code", "refused_by"),
    [
        ("DESKBELL_APP_SECRET", APP_SECRET, 10015, TOKEN_PATH),
        ("DESKBELL_HELPDESK_TOKEN", HELPDESK_TOKEN, 154001, MESSAGE_PATH),
    ],
    ids=["app secret", "helpdesk token"],
)
def test_notifications_wait_for_the_right_credentials(
    new_site: Callable[..., Site], variable: str, right: str, code: int, refused_by: str
) -> None:
    site = new_site(**{variable: "wrong-" + right})
    refused = site.send("ou_refused")
    record = site.wait_for_state(refused.id, State.DEFERRED)
    waiting = site.accept(*(f"ou_waiting{number}" for number in range(EVENTS)))

    assert (record["error"]["code"], record["attempts"][-1]["code"]) == (code, code)
    hold = site.hold()
    assert hold is not None
    assert hold["kind"] == "credentials"
    assert str(code) in hold["reason"]
    assert len(site.sandbox.calls(refused_by)) == 1, "one call learns of it for all"
    assert site.counts() == {State.DEFERRED: 1, State.QUEUED: EVENTS}

    _restart_with(site, **{variable: right})

    soon(lambda: site.counts().get(State.DELIVERED, 0) >= EVENTS, AT_ONCE_SECONDS, "what waited is delivered")
    site.wait_until_delivered(waiting, AT_ONCE_SECONDS)
    assert site.hold() is None
    assert set(site.sandbox.deliveries().values()) == {1}


def test_what_was_refused_is_sent_at_once_with_the_right_credentials(new_site: Callable[..., Site]) -> None:
    site = new_site(workers=1, DESKBELL_APP_SECRET="wrong-" + APP_SECRET)
    refused = site.send("ou_refused")
    due_at = site.wait_for_state(refused.id, State.DEFERRED)["due_at"]

    _restart_with(site, DESKBELL_APP_SECRET=APP_SECRET)

    [record] = site.wait_until_delivered([refused.id], AT_ONCE_SECONDS)
    assert record["finished_at"] < due_at


def test_a_herd_with_wrong_credentials_makes_few_calls(new_site: Callable[..., Site]) -> None:
    site = new_site(DESKBELL_HELPDESK_TOKEN="wrong-" + HELPDESK_TOKEN)
    site.accept(*(f"ou_herd{number}" for number in range(EVENTS)))

    eventually(lambda: State.DEFERRED in site.counts(), 10, "the first one refused")
    eventually(lambda: not site.ledger.redis.zcard(site.ledger.keys.leases("default")), 10, "nothing in flight")

    # Those that were in flight when the first one was refused are refused too; all others wait in their lane.
    calls = len(site.sandbox.calls(MESSAGE_PATH))
    assert calls <= THREADS
    counts = site.counts()
    assert counts.pop(State.DEFERRED) == calls
    assert counts == {State.QUEUED: EVENTS - calls}


def _restart_with(site: Site, **environment: str) -> None:
    workers = len(site.workers)
    site.stop_workers()
    for _ in range(workers):
        site.start_worker(**environment)
    site.wait_for_workers(workers)
