"""A desk whose API hangs takes neither the threads nor the time of the others."""

import time
from collections.abc import Callable
from pathlib import Path

from ledger.models import Notification
from ledger.states import State
from tests.acceptance.sandbox_process import APP_ID, APP_SECRET, HELPDESK_ID, HELPDESK_TOKEN, SandboxProcess
from tests.acceptance.site import Site, eventually

CREDENTIALS = f"""
app_id = "{APP_ID}"
app_secret = "{APP_SECRET}"
helpdesk_id = "{HELPDESK_ID}"
helpdesk_token = "{HELPDESK_TOKEN}"
"""
EVENTS = 40
#: From accepting to the arrival of the call, seconds. On an idle machine it is some 0.01 s. What must not happen is
#: that an event waits for one of the hung calls, which take 20 s.
LONGEST_WAIT_SECONDS = 2.0


def test_the_other_desks_events_go_on_while_one_desk_hangs(new_site: Callable[..., Site], tmp_path: Path) -> None:
    with SandboxProcess("--rate", "unlimited", "--latency-ms", "20000", log=tmp_path / "hung.log") as hung:
        desks = tmp_path / "desks.toml"
        desks.write_text(f'[desk.hung]\n{CREDENTIALS}\nfeishu_url = "{hung.url}"\n')
        site = new_site(DESKBELL_DESKS=str(desks), DESKBELL_TIMEOUT="5,30")
        site.ledger.accept(
            [Notification.build({"receiver_id": f"ou_{n}", "text": "x", "desk": "hung"}) for n in range(500)]
        )
        eventually(lambda: hung.stats()["in_flight"] >= 8, 20, "calls of the hung desk in flight")

        waited = [waited_seconds(site, f"ou_alert{number}") for number in range(EVENTS)]

        assert max(waited) < LONGEST_WAIT_SECONDS
        assert hung.stats()["in_flight"] >= 8, "the desk hung all the while"
        for worker in site.workers:
            worker.kill()  # else it would wait for its calls in flight


def waited_seconds(site: Site, receiver: str) -> float:
    """How long after its acceptance the call arrived; the sandbox's clock is this machine's."""
    accepted_at = time.time()
    site.wait_for_state(site.send(receiver).id, State.DELIVERED, seconds=15)
    [call] = site.sandbox.sends(receiver)
    return float(call["at"]) - accepted_at
