"""Other users of the machine can neither read what the embedded Valkey keeps, nor be taken for it."""

import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.connection import reachable
from ledger.embedded import EmbeddedValkey
from ledger.errors import LedgerUnreachable
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.private import make_private
from ledger.settings import Settings

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def careless() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", _env_file=None)


@pytest.fixture
def far_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Its path is too long for a socket; that of temporary files is not, as those of tests may be."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o1777)
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield Settings(data_dir=tmp_path / ("d" * 60) / ("e" * 60), _env_file=None)


def kept(folder: Path) -> list[Path]:
    return [folder, *folder.rglob("*")]


def accept(settings: Settings) -> None:
    ledger = Ledger(settings)
    with reachable(settings):
        ledger.accept([Notification.build({"receiver_id": "ou_ada", "text": "the secret"})])
    ledger.redis.close()


@contextmanager
def squatter(path: Path) -> Iterator[socket.socket]:
    """A socket of somebody else, who listens where our server would."""
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(path))
        theirs.listen()
        theirs.settimeout(0)
        os.chown(path, NOBODY, NOBODY)
        yield theirs


def test_nothing_that_it_keeps_is_for_others_whatever_the_umask(settings: Settings, careless: None) -> None:
    with EmbeddedValkey(settings):
        accept(settings)
        assert {path.name: mode(path) & 0o077 for path in kept(settings.data_dir)} == {
            path.name: 0 for path in kept(settings.data_dir)
        }


def test_what_others_could_read_is_taken_from_them_and_that_is_said(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedValkey(settings):
        accept(settings)
    for path in kept(settings.data_dir):
        path.chmod(0o777 if path.is_dir() else 0o666)

    with EmbeddedValkey(settings):
        assert not any(mode(path) & 0o077 for path in kept(settings.data_dir))
    assert "other users could read what is in" in caplog.text
    caplog.clear()
    with EmbeddedValkey(settings):
        pass
    assert caplog.text == ""


def test_a_directory_with_other_things_in_it_keeps_its_mode(settings: Settings) -> None:
    settings.data_dir.mkdir(mode=0o755)
    page = settings.data_dir / "index.html"
    page.touch(0o644)
    with EmbeddedValkey(settings):
        assert (mode(settings.data_dir), mode(page)) == (0o755, 0o644)
        assert mode(settings.data_dir / "appendonlydir") == 0o700


def test_one_that_others_may_write_in_is_refused(settings: Settings) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / "theirs").touch()
    settings.data_dir.chmod(0o1777)
    with pytest.raises(LedgerUnreachable, match=r"can be written to by others.* a directory of its own"):
        EmbeddedValkey(settings).start()


def test_a_long_path_has_its_socket_in_a_directory_of_its_own(far_away: Settings) -> None:
    with EmbeddedValkey(far_away):
        accept(far_away)
        assert mode(far_away.socket_path.parent) == 0o700
        assert far_away.socket_path.parent.parent == Path(tempfile.gettempdir())


@as_root
def test_nobody_is_handed_a_message_in_our_servers_place(far_away: Settings) -> None:
    with EmbeddedValkey(far_away):
        pass
    os.chown(far_away.socket_path.parent, NOBODY, NOBODY)
    with squatter(far_away.socket_path) as theirs:
        with pytest.raises(LedgerUnreachable, match=f"belongs to user {NOBODY}, the data directory to user 0"):
            accept(far_away)
        with pytest.raises(LedgerUnreachable, match=f"belongs to user {NOBODY}"):
            EmbeddedValkey(far_away).start()
        with pytest.raises(BlockingIOError):
            theirs.accept()


@as_root
def test_a_socket_of_anybody_else_in_the_data_directory_is_not_spoken_to(settings: Settings) -> None:
    with EmbeddedValkey(settings):
        pass
    with squatter(settings.socket_path) as theirs:
        with pytest.raises(LedgerUnreachable, match=f"belongs to user {NOBODY}"):
            accept(settings)
        worker = (sys.executable, "-m", "celery", "-A", "worker", "worker", "--pool", "threads")
        environment = {**os.environ, "DESKBELL_DATA_DIR": str(settings.data_dir)}
        done = subprocess.run(worker, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, f"belongs to user {NOBODY}" in done.stderr) == (3, True), done.stderr
        with pytest.raises(BlockingIOError):
            theirs.accept()


def test_a_link_in_the_temporary_directory_is_not_followed(far_away: Settings, tmp_path: Path) -> None:
    far_away.data_dir.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    far_away.socket_path.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LedgerUnreachable, match="must be a directory with mode 700"):
        EmbeddedValkey(far_away).start()


def test_a_directory_that_cannot_be_created_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerUnreachable, match=r"cannot be created \(Not a directory\): set DESKBELL"):
        make_private(tmp_path / "file" / "data")
