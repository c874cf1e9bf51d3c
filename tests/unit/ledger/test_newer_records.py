"""During a rolling restart a newer Deskbell may write a field that we do not know: we leave it alone."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from ledger.announcement import Spec
from ledger.api_key import ApiKey, Scope
from ledger.hook_log import HookEntry, HookOutcome
from ledger.notification import Notification
from ledger.progress import Progress
from ledger.states import State

__all__: list[str] = []

SPEC = Spec(name="Office move", message={"msg_type": "text", "content": {"text": "We move"}}, columns=("name",))
EVENT = Notification.build({"receiver_id": "ou_ada", "text": "Disk full on db-3", "at": "1h"})
KEY = ApiKey("k_1", "grafana", frozenset({Scope.SEND}))
CAME_IN = HookEntry(1, "grafana", HookOutcome.ACCEPTED)


@pytest.mark.parametrize(
    ("read", "written", "meant"),
    [
        pytest.param(Spec.of_json, SPEC.to_json(), SPEC, id="announcement"),
        pytest.param(Notification.of_input, EVENT.to_input(), EVENT, id="event"),
        pytest.param(Progress.of_json, b'{"state": "queued", "at": 1}', Progress(State.QUEUED, 1), id="progress"),
        pytest.param(ApiKey.of_json, orjson.dumps(KEY.as_json()), KEY, id="key"),
        pytest.param(HookEntry.of_json, CAME_IN.to_json(), CAME_IN, id="hook"),
    ],
)
def test_a_field_of_a_newer_version_is_left_alone(read: Callable[[bytes], Any], written: bytes, meant: Any) -> None:
    assert read(orjson.dumps({**orjson.loads(written), "of_tomorrow": {"level": 1}})) == meant
