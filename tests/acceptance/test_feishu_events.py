"""Feishu's events, the whole way: the sandbox pushes them to the web process, and what waits for a ticket goes out."""

from collections.abc import Callable
from typing import Any

from ledger.states import State
from tests.acceptance.installation import Installation, soon
from tests.acceptance.web_process import WebProcess
from tests.envelopes import KEY, TOKEN
from tests.ports import free_port

#: Without an event an open ticket is looked at again after a minute, and the whole list is taken every two.
AT_ONCE_SECONDS = 15


def test_what_waits_for_a_ticket_goes_out_when_feishu_tells_that_it_is_closed(
    new_installation: Callable[..., Installation],
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    secrets = ("--encrypt-key", KEY, "--verification-token", TOKEN)
    installation = new_installation(
        sandbox=("--rate", "unlimited", "--events-url", f"{url}/v1/feishu/events", *secrets),
        workers=1,
        DESKBELL_ENCRYPT_KEY=KEY,
        DESKBELL_VERIFICATION_TOKEN=TOKEN,
    )
    web = WebProcess(installation.folder, installation.environment)
    web.url = url
    with web:
        assert len(installation.deskbell_json("feishu", "subscribe")["events"]) == 2
        installation.sandbox.ticket("ou_ada")
        soon(lambda: _open(installation) == {"ou_ada"}, AT_ONCE_SECONDS, "the open ticket in the index")
        waiting = installation.send("ou_ada", on_open_ticket="wait").id
        rerouted = installation.send("ou_ada").id
        installation.wait_for_state(waiting, State.DEFERRED)
        assert _delivered(installation, rerouted)["attempts"][0]["via"] == "user", "no call was spent on a refusal"
        installation.sandbox.ticket("ou_ada", status=51)
        record = _delivered(installation, waiting)
    assert (record["via"], [attempt["outcome"] for attempt in record["attempts"]]) == ("chat", ["delivered"])
    assert _open(installation) == set()


def _open(installation: Installation) -> set[str]:
    index = installation.ledger.keys.tickets("default")
    return {member.decode() for member in installation.ledger.redis.zrange(index, 0, -1)}


def _delivered(installation: Installation, id: str) -> dict[str, Any]:
    soon(lambda: installation.ledger.get(id).progress.state is State.DELIVERED, AT_ONCE_SECONDS, f"{id} delivered")
    return installation.shown(id)
