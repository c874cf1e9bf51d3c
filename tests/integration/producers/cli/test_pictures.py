"""A Markdown file with pictures beside it from the command line, before a sandbox and a real Valkey."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from ledger.ledger import Ledger
from ledger.settings import Settings
from producers.cli.command_line import run
from tests.integration.producers.cli.announcing_desk import Output, asked, people
from tests.sandbox_company import company_running

__all__: list[str] = []

MOVE = Path(__file__).parents[4].joinpath("examples/office-move.md").read_text("utf-8")


@pytest.fixture
def ledger(empty_valkey: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (4, 2)).save("map.png")
    Path("move.md").write_text(f"{MOVE}\n![The map](map.png)\n", "utf-8")
    with company_running(empty_valkey, monkeypatch):
        yield Ledger(Settings(data_dir=empty_valkey.data_dir, _env_file=None))


def test_pictures_beside_the_file_are_uploaded_once_and_not_for_a_dry_run(ledger: Ledger, capsys: Output) -> None:
    file = str(people())
    assert asked(capsys, "announce", file, "--markdown", "move.md", "--dry-run")["accepted"] == 3
    uploads = "desk:default:image:*"
    assert not list(ledger.redis.scan_iter(ledger.keys(uploads)))
    ids = [asked(capsys, "announce", file, "--markdown", "move.md", "--key", key)["id"] for key in ("a", "b")]
    pictures = [ledger.announcements.get(id).spec.message["content"]["elements"][-1] for id in ids]
    assert pictures[0] == pictures[1]
    assert (pictures[0]["tag"], pictures[0]["img_key"][:4]) == ("img", "img_")
    assert len(list(ledger.redis.scan_iter(ledger.keys(uploads)))) == 1
    saved = asked(capsys, "template", "save", "move", "move.md")
    assert (saved["version"], "name" in saved["variables"]) == (1, True)
    Path("map.png").unlink()
    assert run(["announce", file, "--markdown", "move.md"]) == 2
    assert "'map.png' is not a file" in capsys.readouterr().err
