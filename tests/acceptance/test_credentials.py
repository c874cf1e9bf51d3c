"""Wrong credentials: notifications wait, with Feishu's answer on record, and few calls are made."""

from collections.abc import Callable

import pytest

from ledger.states import State
from tests.acceptance.installation import Installation, eventually, soon
from tests.acceptance.sandbox_process import APP_SECRET, HELPDESK_TOKEN, MESSAGE_PATH

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
    new_installation: Callable[..., Installation], variable: str, right: str, code: int, refused_by: str
) -> None:
    installation = new_installation(**{variable: "wrong-" + right})
    refused = installation.send("ou_refused")
    record = installation.wait_for_state(refused.id, State.DEFERRED)
    waiting = installation.accept(*(f"ou_waiting{number}" for number in range(EVENTS)))

    assert (record["error"]["code"], record["attempts"][-1]["code"]) == (code, code)
    hold = installation.hold()
    assert hold is not None
    assert hold["kind"] == "credentials"
    assert str(code) in hold["reason"]
    assert len(installation.sandbox.calls(refused_by)) == 1, "one call learns of it for all"
    assert installation.counts() == {State.DEFERRED: 1, State.QUEUED: EVENTS}

    _restart_with(installation, **{variable: right})

    soon(lambda: installation.counts().get(State.DELIVERED, 0) >= EVENTS, AT_ONCE_SECONDS, "what waited is delivered")
    installation.wait_until_delivered(waiting, AT_ONCE_SECONDS)
    assert installation.hold() is None
    assert set(installation.sandbox.deliveries().values()) == {1}


def test_what_was_refused_is_sent_at_once_with_the_right_credentials(
    new_installation: Callable[..., Installation],
) -> None:
    installation = new_installation(workers=1, DESKBELL_APP_SECRET="wrong-" + APP_SECRET)
    refused = installation.send("ou_refused")
    due_at = installation.wait_for_state(refused.id, State.DEFERRED)["due_at"]

    _restart_with(installation, DESKBELL_APP_SECRET=APP_SECRET)

    [record] = installation.wait_until_delivered([refused.id], AT_ONCE_SECONDS)
    assert record["finished_at"] < due_at


def test_a_herd_with_wrong_credentials_makes_few_calls(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation(DESKBELL_HELPDESK_TOKEN="wrong-" + HELPDESK_TOKEN)
    installation.accept(*(f"ou_herd{number}" for number in range(EVENTS)))

    eventually(lambda: State.DEFERRED in installation.counts(), 10, "the first one refused")
    eventually(
        lambda: not installation.ledger.redis.zcard(installation.ledger.keys.leases("default")), 10, "nothing in flight"
    )

    # Those that were in flight when the first one was refused are refused too; all others wait in their lane.
    calls = len(installation.sandbox.calls(MESSAGE_PATH))
    assert calls <= THREADS
    counts = installation.counts()
    assert counts.pop(State.DEFERRED) == calls
    assert counts == {State.QUEUED: EVENTS - calls}


def _restart_with(installation: Installation, **environment: str) -> None:
    workers = len(installation.workers)
    installation.stop_workers()
    for _ in range(workers):
        installation.start_worker(**environment)
    installation.wait_for_workers(workers)
