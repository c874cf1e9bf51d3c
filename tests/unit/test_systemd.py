"""The systemd units, held against the Procfile, and verified by systemd itself."""

import os
import re
import shlex
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.unit.test_deployment import PROCFILE, SERVICES

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and not os.environ.get("CI"),
    reason="no systemd-analyze on this machine: .ci/run installs it",
)
UNITS = {"worker": "deskbell-worker@.service", "web": "deskbell-web.service"}


class Sections(ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr


def unit(process: str) -> Sections:
    sections = Sections(interpolation=None, strict=False)
    sections.read(FOLDER / UNITS[process], "utf-8")
    return sections


def test_there_is_a_unit_for_each_line_of_the_procfile() -> None:
    assert set(UNITS) == set(PROCFILE)
    assert {path.name for path in FOLDER.iterdir()} == {*UNITS.values(), "deskbell.target"}


@pytest.mark.parametrize("process", UNITS)
def test_a_unit_runs_the_line_of_the_procfile_by_a_shell(process: str) -> None:
    shell, option, line = shlex.split(unit(process)["Service"]["ExecStart"])
    assert (shell, option) == ("/bin/sh", "-c")
    assert line.replace("%%", "%").replace("$$", "$") == PROCFILE[process]
    assert not re.search(r"(?<![$])[$](?:[$]{2})*(?![$])", line), "systemd would expand it, and not the shell"


def test_a_worker_is_given_as_long_to_stop_as_in_compose() -> None:
    assert f"{unit('worker')['Service']['TimeoutStopSec']}s" == SERVICES["worker"]["stop_grace_period"]


@pytest.mark.parametrize("process", UNITS)
def test_a_unit_is_restarted_whatever_ended_it_and_belongs_to_the_target(process: str) -> None:
    sections = unit(process)
    assert sections["Service"]["Restart"] == "always"
    assert sections["Unit"]["PartOf"] == sections["Install"]["WantedBy"] == "deskbell.target"


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    """Apart from the user, which this machine may lack."""
    for path in FOLDER.iterdir():
        text = re.sub(r"^(User|Group)=deskbell$", r"\1=root", path.read_text("utf-8"), flags=re.MULTILINE)
        (tmp_path / path.name.replace("@", "@1")).write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (run.returncode, [line for line in run.stderr.splitlines() if str(tmp_path) in line]) == (0, [])


@needs_systemd
def test_systemd_would_notice_a_misspelt_word(tmp_path: Path) -> None:
    broken = tmp_path / "broken.service"
    broken.write_text("[Service]\nExecStart=/bin/true\nRestrat=always\n")
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(broken)], capture_output=True, text=True, timeout=120, check=False
    )
    assert "Restrat" in run.stderr
