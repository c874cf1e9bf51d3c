"""What other programs send with curl, Guzzle and Feishu's own clients is understood, and our workers send the same.

The programs are in `samples/`, written for these tests after the samples of the API's page; their call is the same.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from ledger.states import State
from tests.acceptance.installation import Installation
from tests.acceptance.sandbox_process import APP_ID, APP_SECRET, HELPDESK_ID, HELPDESK_TOKEN

SAMPLES = Path(__file__).parent / "samples"
TOKEN_PATH = "/open-apis/auth/v3/tenant_access_token/internal"
HELPDESK = base64.b64encode(f"{HELPDESK_ID}:{HELPDESK_TOKEN}".encode()).decode()
POST = {"post": {"zh_cn": {"title": "电梯停运", "content": [[{"tag": "text", "text": "Lift 3 rests until noon"}]]}}}
#: Of one program, which loads for seconds where others use the processors.
SECONDS = 180


class Sample(NamedTuple):
    command: tuple[str, ...]
    needs: Path | None  #: beside the command
    content_type: str
    before_helpdesk: str
    fields: tuple[str, ...]  #: the order of the body's


OURS = ("msg_type", "content", "receiver_id", "receive_type")
CURLS = ("content", "msg_type", "receive_type", "receiver_id")
WITH_CHARSET = "application/json; charset=utf-8"
CALLS = {
    "curl": Sample(("curl", "sh", "curl.sh"), None, "application/json", "", CURLS),
    "python": Sample((sys.executable, sys.executable, "python.py"), None, WITH_CHARSET, "", OURS),
    "node": Sample(("node", "node", "node.js"), SAMPLES / "node_modules", "application/json", "Bearer ", OURS),
    "php": Sample(
        ("php", "php", "php.php"), Path("/usr/share/php/GuzzleHttp/autoload.php"), "application/json", "", OURS
    ),
}


@pytest.fixture(scope="module")
def site(folders: Callable[[], Path]) -> Iterator[Installation]:
    options = ("--rate", "unlimited", "--accept-helpdesk-bearer", "--demand-content-type", "--token-kinds")
    with Installation(folders(), sandbox=options, workers=1) as running:
        yield running


@pytest.fixture(params=CALLS)
def sample(request: pytest.FixtureRequest) -> Sample:
    """One of them. In CI all must be there; elsewhere one without its program is skipped."""
    found: Sample = CALLS[request.param]
    needs = (found.command[0], *([str(found.needs)] if found.needs else ()))
    missing = [each for each in needs if not (shutil.which(each) or Path(each).exists())]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"no {' and no '.join(missing)} on this machine: .ci/run fetches what the samples need")
    assert not missing, f"CI needs {missing}"
    return found


def test_a_sample_delivers_the_message(site: Installation, sample: Sample) -> None:
    receiver = f"ou_by_{_name(sample)}"
    said = _run(site, sample, receiver, HELPDESK)
    [call] = site.sandbox.sends(receiver)
    assert (call["code"], call["query"]) == (0, {"user_id_type": ["open_id"]}), said
    assert call["message_id"] in said
    assert tuple(call["body"]) == sample.fields
    assert json.loads(call["body"].pop("content")) == POST
    assert call["body"] == {"msg_type": "post", "receiver_id": receiver, "receive_type": "chat"}
    assert call["headers"]["content-type"] == sample.content_type
    assert call["headers"]["x-lark-helpdesk-authorization"] == sample.before_helpdesk + HELPDESK


def test_a_sample_without_the_second_header_is_told_its_name(site: Installation, sample: Sample) -> None:
    receiver = f"ou_half_{_name(sample)}"
    said = _run(site, sample, receiver, "")
    [call] = site.sandbox.sends(receiver)
    assert (call["http_status"], call["code"]) == (401, 154001)
    assert "X-Lark-Helpdesk-Authorization" in said


@pytest.mark.parametrize("sample", ["node"], indirect=True)
def test_our_workers_body_is_the_one_of_the_client_for_node_to_the_byte(site: Installation, sample: Sample) -> None:
    """Both are the shortest JSON of the same fields in the same order, and there is one such text alone."""
    _run(site, sample, "ou_bytes_1", HELPDESK)
    [theirs] = site.sandbox.sends("ou_bytes_1")
    ours = _ours(site, "ou_bytes_2")
    for call in (theirs, ours):
        shortest = json.dumps(call["body"], ensure_ascii=False, separators=(",", ":")).encode()
        assert call["raw_bytes"] == len(shortest)
    assert list(ours["body"].items()) == list({**theirs["body"], "receiver_id": "ou_bytes_2"}.items())


def _ours(site: Installation, receiver: str) -> dict[str, Any]:
    sent = site.send(receiver, message={"msg_type": "post", "content": POST})
    site.wait_for_state(sent.id, State.DELIVERED)
    [call] = site.sandbox.sends(receiver)
    return call


def _name(sample: Sample) -> str:
    return Path(sample.command[-1]).stem


def _run(site: Installation, sample: Sample, receiver: str, helpdesk: str) -> str:
    """What it writes to stdout."""
    credentials = {"app_id": APP_ID, "app_secret": APP_SECRET}
    token = requests.post(site.sandbox.url + TOKEN_PATH, json=credentials, timeout=60).json()["tenant_access_token"]
    environment = {
        "PATH": os.environ["PATH"],
        "FEISHU_URL": site.sandbox.url,
        "TENANT_TOKEN": token,
        "HELPDESK": helpdesk,
        "HELPDESK_ID": HELPDESK_ID,
        "HELPDESK_TOKEN": HELPDESK_TOKEN,
        "APP_ID": APP_ID,
        "APP_SECRET": APP_SECRET,
        "RECEIVER": receiver,
    }
    done = subprocess.run(
        sample.command[1:], cwd=SAMPLES, env=environment, capture_output=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout.decode()
