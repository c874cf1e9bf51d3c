"""No secret and no message body in the log of any worker. It comes last, and reads the logs of the whole session."""

import base64

import pytest

from ledger.states import State
from tests.acceptance.installation import MARKER, Installation
from tests.acceptance.sandbox_process import APP_SECRET, HELPDESK_ID, HELPDESK_TOKEN


def test_no_log_holds_a_secret_or_a_message(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _send_something_of_each_kind(installation)

    base = tmp_path_factory.getbasetemp()
    session = base.parent if base.name.startswith("popen-") else base  # where the tests run in several processes
    logs = {path: path.read_text("utf-8", "replace") for path in session.glob("**/site[0-9]*/w*.log")}

    # Some workers are killed before they are ready; but these are logs.
    assert sum("ready." in text for text in logs.values()) >= 2
    for name, private in _private(installation).items():
        assert {path for path, text in logs.items() if private in text} == set(), f"{name} is in these logs"


def _send_something_of_each_kind(installation: Installation) -> None:
    """For when this test runs alone: a success, a refusal, an error that is retried, and a cut."""
    installation.sandbox.fault({"receiver_id": "ou_log_flaky"}, {"html": 500}, times=1)
    ids = installation.accept("ou_log", "ou_log_flaky")
    refused = installation.send("ou_unknown_log")
    installation.wait_until_delivered(ids, seconds=10)
    installation.wait_for_state(refused.id, State.FAILED)


def _private(installation: Installation) -> dict[str, str]:
    pair = f"{HELPDESK_ID}:{HELPDESK_TOKEN}"
    tokens = [
        key
        for key in installation.ledger.redis.scan_iter(match="deskbell:desk:*:token:*")
        if not key.endswith(b":turn")
    ]
    token = installation.ledger.redis.get(tokens[0])
    assert isinstance(token, bytes)
    return {
        "the app secret": APP_SECRET,
        "the helpdesk token": HELPDESK_TOKEN,
        "the header of the helpdesk": base64.b64encode(pair.encode()).decode(),
        "the tenant token": token.decode(),
        "a message": MARKER,
        "a message in base64": base64.b64encode(MARKER.encode()).decode()[:24],
    }
