"""The embedded Valkey has a limit, which is never so low that it would be full at once."""

import platform
from pathlib import Path

import pytest
import redis

from ledger.embedded import EmbeddedValkey
from ledger.errors import BadInput
from ledger.memory import KEPT_PIECES
from ledger.settings import Settings


def limit_of(valkey: EmbeddedValkey) -> int:
    with redis.Redis(unix_socket_path=str(valkey.socket_path)) as client:
        return int(client.config_get("maxmemory")["maxmemory"])


@pytest.mark.parametrize(("given", "limit"), [("512mb", 2**29), ("2GB", 2**31), ("unlimited", 0)])
def test_it_is_what_was_given(tmp_path: Path, given: str, limit: int) -> None:
    with EmbeddedValkey(Settings(data_dir=tmp_path, maxmemory=given, _env_file=None)) as valkey:
        assert limit_of(valkey) == limit


def test_by_default_it_is_half_of_the_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.memory._machine_bytes", lambda: 2**33)
    with EmbeddedValkey(Settings(data_dir=tmp_path, _env_file=None)) as valkey:
        assert limit_of(valkey) == 2**32


def test_it_is_never_less_than_one_and_a_half_of_what_it_holds(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, maxmemory="1kb", _env_file=None)
    unlimited = EmbeddedValkey(settings.model_copy(update={"maxmemory": "unlimited"}))
    with unlimited, redis.Redis(unix_socket_path=str(unlimited.socket_path)) as client:
        client.set("ballast", b"x" * 10_000_000)
    with EmbeddedValkey(settings) as valkey:
        assert limit_of(valkey) > 15_000_000
        with redis.Redis(unix_socket_path=str(valkey.socket_path)) as client:
            assert client.set("more", "x")


@pytest.mark.parametrize("given", ["", "2", "0mb", "101%", "-1gb", "2tb", "lots"])
def test_what_is_no_amount_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("DESKBELL_MAXMEMORY", given)
    with pytest.raises(BadInput, match=r"DESKBELL_MAXMEMORY: .* is not an amount of memory: use 2gb"):
        Settings.from_env()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_its_allocator_keeps_freed_pieces_at_hand(tmp_path: Path) -> None:
    with EmbeddedValkey(Settings(data_dir=tmp_path, _env_file=None)) as valkey:
        environment = Path(f"/proc/{valkey.pid}/environ").read_text()
    assert f"GLIBC_TUNABLES=glibc.malloc.tcache_count={KEPT_PIECES}\0" in environment
