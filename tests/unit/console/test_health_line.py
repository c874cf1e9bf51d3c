"""The health line as pages show it."""

import pytest

from console.i18n import language
from console.templating import environment
from ledger.health import Condition, Severity
from ledger.phrases import Phrase

__all__: list[str] = []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("en", "The workers report, but have not looked at hr for 10 s. What to do: read the workers&#39; logs"),
        ("zh-CN", "工作进程在运行，但已有 10 秒没有处理 hr。"),
    ],
)
def test_a_condition_reads_as_a_sentence(name: str, shown: str) -> None:
    found = Phrase("the workers report, but have not looked at {desks} for 10 s", desks="hr")
    do = Phrase("read the workers' logs, and restart them")
    line = (
        environment()
        .get_template("parts/health.html")
        .render(
            say=language(name),
            attention={"conditions": [Condition("workers_idle", Severity.FAIL, found, do)]},
            meaning_of=lambda _: None,
        )
    )
    assert shown in line.replace("</b>", "")
