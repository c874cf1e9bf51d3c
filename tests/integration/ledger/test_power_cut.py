"""What a power cut leaves behind in the data directory, and how the embedded Valkey starts on it."""

import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.embedded import EmbeddedValkey
from ledger.errors import LedgerUnreachable
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", _env_file=None)


@pytest.fixture
def valkey(settings: Settings) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(settings) as running:
        yield running


def cut_power(valkey: EmbeddedValkey) -> None:
    if valkey.pid is None:
        raise RuntimeError("the Valkey does not run")
    os.kill(valkey.pid, signal.SIGKILL)
    valkey.stop()


@pytest.fixture
def accept(settings: Settings) -> Callable[[str], str]:
    def accept_one(receiver_id: str) -> str:
        ledger = Ledger(settings)
        [accepted] = ledger.accept([Notification.build({"receiver_id": receiver_id, "text": "hello"})])
        ledger.redis.close()
        return accepted.id

    return accept_one


def test_it_starts_on_a_file_that_was_cut_off_and_says_what_it_lost(
    settings: Settings, valkey: EmbeddedValkey, accept: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    first = accept("ou_first")
    [file] = (settings.data_dir / "appendonlydir").glob("*.incr.aof")
    whole_until = file.stat().st_size
    accept("ou_second")
    cut_power(valkey)
    os.truncate(file, file.stat().st_size - 5)

    with caplog.at_level(logging.WARNING, "ledger.embedded"):
        valkey.start()

    [said] = [record.getMessage() for record in caplog.records]
    assert f"after its byte {whole_until} is lost" in said
    ledger = Ledger(settings)
    assert [record.id for record in ledger.events()] == [first]
    assert accept("ou_third")
    ledger.redis.close()


@pytest.mark.parametrize(("kept", "zeros"), [(0, 4096), (0, 200_000), (7, 300), (1, 1)])
def test_zeros_at_the_end_are_cut_off_and_that_is_said(
    settings: Settings,
    valkey: EmbeddedValkey,
    accept: Callable[[str], str],
    caplog: pytest.LogCaptureFixture,
    kept: int,
    zeros: int,
) -> None:
    """`kept`: bytes of a command that was not whole."""
    first = accept("ou_first")
    cut_power(valkey)
    [file] = (settings.data_dir / "appendonlydir").glob("*.incr.aof")
    with file.open("ab") as end:
        end.write(b"*3\r\n$3\r\nSET"[:kept] + bytes(zeros))

    with caplog.at_level(logging.WARNING):
        valkey.start()

    assert f"ended in {zeros} zeros" in caplog.text
    ledger = Ledger(settings)
    assert [record.id for record in ledger.events()] == [first]
    ledger.redis.close()


def test_a_start_on_whole_files_says_nothing(
    valkey: EmbeddedValkey, accept: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    accept("ou_first")
    cut_power(valkey)
    valkey.start()
    assert caplog.records == []


def test_the_socket_and_the_lock_file_of_a_dead_server_are_in_nobodys_way(
    settings: Settings, valkey: EmbeddedValkey, accept: Callable[[str], str]
) -> None:
    accepted = accept("ou_first")
    cut_power(valkey)
    assert settings.socket_path.exists()
    assert (settings.data_dir / "lock").exists()

    valkey.start()

    ledger = Ledger(settings)
    assert ledger.get(accepted).id == accepted
    ledger.redis.close()


def test_a_file_in_the_sockets_place_is_in_nobodys_way(settings: Settings) -> None:
    settings.data_dir.mkdir()
    settings.socket_path.write_text("no socket")
    with EmbeddedValkey(settings):
        pass


def test_a_second_one_on_the_same_directory_says_so(settings: Settings, valkey: EmbeddedValkey) -> None:
    with pytest.raises(LedgerUnreachable, match="another `deskbell up` is running on"):
        EmbeddedValkey(settings).start()
    assert valkey.pid


def test_a_file_that_is_damaged_in_its_middle_is_not_started_on(
    settings: Settings, valkey: EmbeddedValkey, accept: Callable[[str], str]
) -> None:
    """Its end would be thrown away for a fault in its middle: that is for a person to decide."""
    for number in range(5):
        accept(f"ou_{number}")
    cut_power(valkey)
    [file] = (settings.data_dir / "appendonlydir").glob("*.incr.aof")
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2 : len(damaged) // 2 + 40] = b"?" * 40
    file.write_bytes(damaged)

    with pytest.raises(LedgerUnreachable, match="did not start: its append-only file is damaged: `deskbell repair`"):
        valkey.start()
