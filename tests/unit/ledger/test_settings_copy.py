"""A changed copy of the settings."""

from pathlib import Path

from ledger.settings import Settings


def test_a_copy_has_the_desks_of_its_own_values(tmp_path: Path) -> None:
    """The desks that the first had computed came along, with its credentials and without those of the new file."""
    (tmp_path / "desks.toml").write_text("[desk.hr]\n")
    first = Settings(app_id="cli_first", _env_file=None)
    assert set(first.all_desks) == {"default"}
    second = first.model_copy(update={"app_id": "cli_second", "desks": tmp_path / "desks.toml"})
    assert second.desk("default").app_id == "cli_second"
    assert set(second.all_desks) == {"default", "hr"}
    assert first.desk("default").app_id == "cli_first"
