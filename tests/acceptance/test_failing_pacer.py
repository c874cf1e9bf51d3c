"""A worker that runs out of something, beside one that does not."""

import resource
from collections.abc import Callable

from ledger.states import State
from tests.acceptance.site import Site, eventually

#: Files that the poor worker may have open: it starts with these, and has none left for a tick or a call.
FEW_FILES = 24
EVENTS = 120


def test_a_desk_goes_on_beside_a_worker_without_open_files(new_site: Callable[..., Site]) -> None:
    """Its pacer failed at each tick and took the lead again before its own lease was over: nothing was released."""
    site = new_site(workers=0, DESKBELL_TIMEOUT="1,1")
    poor = site.start_worker()
    resource.prlimit(poor.pid, resource.RLIMIT_NOFILE, (FEW_FILES, FEW_FILES))
    site.wait_for_workers(1)
    eventually(lambda: site.leader_pid == poor.pid, 10, "the poor one leads")
    site.start_worker()
    site.wait_for_workers(2)

    ids = site.accept(*(f"ou_poor{number}" for number in range(EVENTS)))

    records = site.wait_until_delivered(ids, seconds=90)
    outcomes = {record["receiver_id"]: [attempt["outcome"] for attempt in record["attempts"]] for record in records}
    twice = {receiver for receiver, count in site.sandbox.deliveries().items() if count > 1}
    assert all("unknown" in outcomes[receiver] for receiver in twice), "what the poor one called for and never recorded"
    assert site.counts() == {State.DELIVERED: EVENTS}
