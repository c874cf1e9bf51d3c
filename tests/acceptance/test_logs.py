"""No secret and no message body in the log of any worker. It comes last, and reads the logs of the whole session."""

import base64

import pytest

from ledger.states import State
from tests.acceptance.sandbox_process import APP_SECRET, HELPDESK_ID, HELPDESK_TOKEN
from tests.acceptance.site import MARKER, Site


def test_no_log_holds_a_secret_or_a_message(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    _send_something_of_each_kind(site)

    base = tmp_path_factory.getbasetemp()
    session = base.parent if base.name.startswith("popen-") else base  # where the tests run in several processes
    logs = {path: path.read_text("utf-8", "replace") for path in session.glob("**/site[0-9]*/w*.log")}

    # Some workers are killed before they are ready; but these are logs.
    assert sum("ready." in text for text in logs.values()) >= 2
    for name, private in _private(site).items():
        assert {path for path, text in logs.items() if private in text} == set(), f"{name} is in these logs"


def _send_something_of_each_kind(site: Site) -> None:
    """For when this test runs alone: a success, a refusal, an error that is retried, and a cut."""
    site.sandbox.fault({"receiver_id": "ou_log_flaky"}, {"html": 500}, times=1)
    ids = site.accept("ou_log", "ou_log_flaky")
    refused = site.send("ou_unknown_log")
    site.wait_until_delivered(ids, seconds=10)
    site.wait_for_state(refused.id, State.FAILED)


def _private(site: Site) -> dict[str, str]:
    pair = f"{HELPDESK_ID}:{HELPDESK_TOKEN}"
    tokens = [key for key in site.ledger.redis.scan_iter(match="deskbell:desk:*:token:*") if not key.endswith(b":turn")]
    token = site.ledger.redis.get(tokens[0])
    assert isinstance(token, bytes)
    return {
        "the app secret": APP_SECRET,
        "the helpdesk token": HELPDESK_TOKEN,
        "the header of the helpdesk": base64.b64encode(pair.encode()).decode(),
        "the tenant token": token.decode(),
        "a message": MARKER,
        "a message in base64": base64.b64encode(MARKER.encode()).decode()[:24],
    }
