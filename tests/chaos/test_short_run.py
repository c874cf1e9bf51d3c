"""The short form of `make chaos`: the same script and the same checks, with fewer kills."""

import os
import shutil
from pathlib import Path

import pytest

from tests.chaos.run import Run


@pytest.mark.timeout(900)
def test_ten_kills_and_five_power_cuts_lose_nothing_and_double_nothing_unsaid(tmp_path: Path) -> None:
    power_cuts = 5 if shutil.which("cc") or "CI" in os.environ else 0
    run = Run(tmp_path, seed=7, kills=10, notifications=700, gap_seconds=0.4, say=lambda _: None, power_cuts=power_cuts)
    report = run.play()
    assert not report.reliable, str(report)
    if report.findings:
        pytest.skip(f"the machine was too busy to tell times:\n{report}")
    if not power_cuts:
        pytest.skip("the power was not cut: there is no C compiler (cc)")
