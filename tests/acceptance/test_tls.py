"""`rediss://`: the certificate is looked at by the ledger's clients and by Celery's, before either says a word."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.installation import MARKER, WorkerProcess, eventually
from tests.acceptance.installation_elsewhere import SiteElsewhere
from tests.certificates import Authority, TlsProxy
from tests.valkey_process import ValkeyProcess

SECRET = "hunter2"
FIT = {"appendonly": "yes", "appendfsync": "always", "maxmemory_policy": "noeviction", "requirepass": SECRET}
#: Handshakes of a worker, the pacer's and the consumer's among them.
MANY_TRIES = 20


class Secured:
    """A Valkey behind TLS: `url` says whom to trust."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.server = stack.enter_context(ValkeyProcess(folder / "server", password=SECRET, **FIT))
        self.authority = Authority(folder, "right")
        self.stranger = Authority(folder, "wrong")
        certificate = self.authority.certificate("127.0.0.1")
        self.proxy = stack.enter_context(TlsProxy(certificate, self.server.port))

    def url(self, trusted: Path | None) -> str:
        ca = f"?ssl_ca_certs={trusted}" if trusted else ""
        return f"rediss://:{SECRET}@127.0.0.1:{self.proxy.port}/0{ca}"


@pytest.fixture
def secured(folders: Callable[[], Path]) -> Iterator[Secured]:
    with ExitStack() as stack:
        yield Secured(folders(), stack)


def test_a_private_authority_is_trusted_by_all(secured: Secured, folders: Callable[[], Path]) -> None:
    with SiteElsewhere(folders(), secured.url(secured.authority.file)) as installation:
        sent = installation.deskbell("send", "--to", "ou_a", "--text", MARKER, "--wait", "30")
        assert (sent.returncode, sent.stderr) == (0, "")
        doctor = installation.deskbell("doctor")
        assert (doctor.returncode, f"rediss://127.0.0.1:{secured.proxy.port}/0" in doctor.stdout) == (0, True)
        assert "insecure" not in installation.workers[0].log.read_text()


@pytest.mark.parametrize("trusted", ["nobody but the system's", "another"])
def test_nobody_says_a_word_to_a_server_that_is_not_trusted(
    secured: Secured, folders: Callable[[], Path], trusted: str
) -> None:
    installation = SiteElsewhere(folders(), secured.url(secured.stranger.file if trusted == "another" else None))
    asked = installation.deskbell("list")
    assert (asked.returncode, asked.stderr.count("\n")) == (3, 1)
    assert "CERTIFICATE_VERIFY_FAILED" in asked.stderr
    worker = WorkerProcess("w1", installation.environment, installation.folder / "w1.log")
    try:
        eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in worker.log.read_text(), 60, "somebody has tried")
        # The consumer tries every second, the pacer twice in a second, and a line tells of all of them.
        eventually(lambda: secured.proxy.greeted >= MANY_TRIES, 60, "everybody has tried")
    finally:
        worker.kill()
    assert worker.log.read_text().count("CERTIFICATE_VERIFY_FAILED") == 1
    assert secured.proxy.heard == b""
    assert SECRET not in worker.log.read_text() + asked.stderr
