"""A worker that runs out of something, beside one that does not."""

import resource
from collections.abc import Callable

from ledger.states import State
from tests.acceptance.installation import Installation, eventually

#: Files that the poor worker may have open: it starts with these, and has none left for a tick or a call.
FEW_FILES = 24
EVENTS = 40


def test_a_desk_goes_on_beside_a_worker_without_open_files(new_installation: Callable[..., Installation]) -> None:
    """Its pacer failed at each tick and took the lead again before its own lease was over: nothing was released."""
    installation = new_installation(workers=0, DESKBELL_TIMEOUT="1,1")
    poor = installation.start_worker()
    resource.prlimit(poor.pid, resource.RLIMIT_NOFILE, (FEW_FILES, FEW_FILES))
    installation.wait_for_workers(1)
    eventually(lambda: installation.leader_pid == poor.pid, 10, "the poor one leads")
    installation.start_worker()
    installation.wait_for_workers(2)

    ids = installation.accept(*(f"ou_poor{number}" for number in range(EVENTS)))

    records = installation.wait_until_delivered(ids, seconds=90)
    outcomes = {record["receiver_id"]: [attempt["outcome"] for attempt in record["attempts"]] for record in records}
    twice = {receiver for receiver, count in installation.sandbox.deliveries().items() if count > 1}
    assert all("unknown" in outcomes[receiver] for receiver in twice), "what the poor one called for and never recorded"
    assert installation.counts() == {State.DELIVERED: EVENTS}
