"""`deskbell repair`: a hole in the append-only file, and every confirmed record is there again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.aof_repair import Damaged, repair
from ledger.embedded import EmbeddedValkey
from ledger.errors import DeskbellError
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings
from producers.cli.command_line import run
from tests.integration.ledger.test_append_only import Server

SET = b"*3\r\n$3\r\nSET\r\n$1\r\n%c\r\n$2\r\n\0\0\r\n"
A, B = SET % b"a", SET % b"b"


def accept(ledger: Ledger, receiver: str) -> str:
    [accepted] = ledger.accept([Notification.build({"receiver_id": receiver, "text": "hello"})])
    return accepted.id


def test_a_hole_that_a_full_disk_left_costs_nothing_that_was_confirmed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Server(tmp_path / "server") as server:
        server.rewrite()
        ledger = Ledger(Settings(redis_url=server.url, _env_file=None))
        confirmed = [accept(ledger, f"ou_before{number}") for number in range(20)]
        server.fail_a_write()
        server.have_room()
        confirmed += [accept(ledger, f"ou_after{number}") for number in range(20)]
        server.kill()
        with pytest.raises(RuntimeError, match="did not start"):
            server.start()

        damaged = server.file().read_bytes()
        assert run(["repair", str(server.folder / "appendonlydir"), "--json"]) == 0
        [cut] = json.loads(capsys.readouterr().out)
        assert bytes(cut["bytes"]) == damaged[cut["at"] : cut["at"] + cut["bytes"]]
        assert Path(f"{cut['file']}.before-repair").read_bytes() == damaged

        server.start()
        assert {record.id for record in ledger.get_many(confirmed)} == set(confirmed)
        ledger.redis.close()
    assert run(["repair", str(tmp_path / "server" / "appendonlydir")]) == 0
    assert "nothing to repair" in capsys.readouterr().out


def test_the_embedded_one_is_found_by_itself_and_must_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DESKBELL_DATA_DIR", str(tmp_path / "data"))
    settings = Settings.from_env()
    with EmbeddedValkey(settings):
        ledger = Ledger(settings)
        first = accept(ledger, "ou_ada")
        assert run(["repair"]) == 3
        assert "another `deskbell up` is running" in capsys.readouterr().err
    [file] = (tmp_path / "data" / "appendonlydir").glob("*.incr.aof")
    whole = file.read_bytes()
    file.write_bytes(bytes(20) + whole)

    assert run(["repair"]) == 0
    assert "20 zeros removed at byte 0" in capsys.readouterr().out
    assert file.read_bytes() == whole
    with EmbeddedValkey(settings):
        assert ledger.get(first).id == first
    ledger.redis.close()


@pytest.fixture
def written(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        (tmp_path / "a.manifest").write_text("file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\n")
        (tmp_path / "a.1.base.rdb").write_bytes(bytes(9))
        (tmp_path / "a.1.incr.aof").write_bytes(content)
        return tmp_path / "a.1.incr.aof"

    return write


@pytest.mark.parametrize(
    ("damaged", "repaired"),
    [
        (b"", b""),
        (A + B, A + B),
        (bytes(3) + A + bytes(70_000) + B, A + B),
        (A + bytes(1) + b"#TS:1764000000\r\n" + B + bytes(5), A + b"#TS:1764000000\r\n" + B),
        *((A + bytes(4) + B[:cut], A + B[:cut]) for cut in range(len(B))),
    ],
)
def test_zeros_between_commands_are_cut_out(written: Callable[[bytes], Path], damaged: bytes, repaired: bytes) -> None:
    file = written(damaged)
    repair(file.parent)
    assert file.read_bytes() == repaired


@pytest.mark.parametrize(
    ("damaged", "says"),
    [
        (A + B[:9] + bytes(4) + B[13:] + A, "at byte "),
        (A[:-2] + bytes(2) + B, "a value does not end"),
        (A + b"?" * 40 + B, f"at byte {len(A)} no command begins"),
        (A + b"*0\r\n" + B, "no command begins"),
    ],
)
def test_what_is_damaged_otherwise_is_left_alone(written: Callable[[bytes], Path], damaged: bytes, says: str) -> None:
    file = written(bytes(5) + damaged)
    with pytest.raises(Damaged, match="cannot be repaired without losing"):
        repair(file.parent)
    assert file.read_bytes() == bytes(5) + damaged
    assert {path.name for path in file.parent.iterdir()} == {"a.manifest", "a.1.base.rdb", "a.1.incr.aof"}


def test_a_copy_of_an_earlier_repair_is_not_written_over(written: Callable[[bytes], Path]) -> None:
    file = written(bytes(5) + A)
    repair(file.parent)
    file.write_bytes(bytes(2) + A)
    with pytest.raises(DeskbellError, match="earlier repair: move it away"):
        repair(file.parent)


def test_a_directory_without_a_manifest_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["repair", str(tmp_path)]) == 1
    assert "has no *.manifest" in capsys.readouterr().err
