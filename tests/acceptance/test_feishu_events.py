"""Feishu's events, the whole way: the sandbox pushes them to the web process, and what waits for a ticket goes out."""

from collections.abc import Callable
from typing import Any

from ledger.states import State
from tests.acceptance.site import Site, soon
from tests.acceptance.web_process import WebProcess
from tests.envelopes import KEY, TOKEN
from tests.ports import free_port

#: Without an event an open ticket is looked at again after a minute, and the whole list is taken every two.
AT_ONCE_SECONDS = 15


def test_what_waits_for_a_ticket_goes_out_when_feishu_tells_that_it_is_closed(new_site: Callable[..., Site]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    secrets = ("--encrypt-key", KEY, "--verification-token", TOKEN)
    site = new_site(
        sandbox=("--rate", "unlimited", "--events-url", f"{url}/v1/feishu/events", *secrets),
        workers=1,
        DESKBELL_ENCRYPT_KEY=KEY,
        DESKBELL_VERIFICATION_TOKEN=TOKEN,
    )
    web = WebProcess(site.folder, site.environment)
    web.url = url
    with web:
        assert len(site.deskbell_json("feishu", "subscribe")["events"]) == 2
        site.sandbox.ticket("ou_ada")
        soon(lambda: _open(site) == {"ou_ada"}, AT_ONCE_SECONDS, "the open ticket in the index")
        waiting = site.send("ou_ada", on_open_ticket="wait").id
        rerouted = site.send("ou_ada").id
        site.wait_for_state(waiting, State.DEFERRED)
        assert _delivered(site, rerouted)["attempts"][0]["via"] == "user", "no call was spent on a refusal"
        site.sandbox.ticket("ou_ada", status=51)
        record = _delivered(site, waiting)
    assert (record["via"], [attempt["outcome"] for attempt in record["attempts"]]) == ("chat", ["delivered"])
    assert _open(site) == set()


def _open(site: Site) -> set[str]:
    index = site.ledger.keys.tickets("default")
    return {member.decode() for member in site.ledger.redis.zrange(index, 0, -1)}


def _delivered(site: Site, id: str) -> dict[str, Any]:
    soon(lambda: site.ledger.get(id).progress.state is State.DELIVERED, AT_ONCE_SECONDS, f"{id} delivered")
    return site.shown(id)
