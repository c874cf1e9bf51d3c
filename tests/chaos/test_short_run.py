"""The short form of `make chaos`: the same script and the same checks, with fewer kills."""

from pathlib import Path

from tests.chaos.run import Run


def test_ten_kills_lose_nothing_and_double_nothing_unsaid(tmp_path: Path) -> None:
    run = Run(tmp_path, seed=7, kills=10, notifications=600, gap_seconds=0.4, say=lambda _: None)
    report = run.play()
    assert not report.findings, str(report)
