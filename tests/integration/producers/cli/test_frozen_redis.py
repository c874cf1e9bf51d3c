"""Commands that only show something, before a Redis that takes connections and says nothing."""

import pytest

from ledger import connection
from producers.cli.command_line import run
from producers.cli.output import ExitCode
from tests.calm import Stopwatch
from tests.tarpits import tarpits

#: For an answer, and how much longer a command may take, seconds.
ANSWER_SECONDS, MOST_SECONDS = 0.3, 5.0


@pytest.mark.parametrize(
    "command",
    ["list", "list --notifications", "list --notifications --find ada", "desks", "show n_1", "audit"],
)
def test_it_is_told_at_once(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(connection, "SCREEN_SECONDS", ANSWER_SECONDS)
    with tarpits(1) as [url]:
        monkeypatch.setenv("DESKBELL_REDIS_URL", url.replace("http", "redis").replace("/tar", "/0"))
        watch = Stopwatch()
        assert run(command.split()) == ExitCode.UNREACHABLE
    assert watch.calm_seconds < MOST_SECONDS
    assert "is not reached" in capsys.readouterr().err
