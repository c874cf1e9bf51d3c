"""Why a desk is held, why addresses wait, and what of a record is damaged: in the language of the page."""

from collections.abc import Iterator

import pytest

from feishu.verdict import Verdict
from ledger.ledger import Ledger
from ledger.notification import Notification
from tests.acceptance.chinese_scene import ChineseScene, refused, unanswered
from tests.integration.console.console_visitor import Visitor
from tests.integration.producers.web.serving import serving

__all__: list[str] = []


@pytest.fixture
def url(ledger: Ledger) -> Iterator[str]:
    with serving(ledger.settings) as url:
        yield url


@pytest.mark.parametrize("path", ["/", "/needs"])
@pytest.mark.parametrize(
    ("verdict", "english", "chinese"),
    [
        (unanswered(), "token: connect refused", "调用 token：连接被拒绝"),
        (refused(154001, 401, "no"), "send: HTTP 401, code 154001: no", "调用 send：HTTP 401，错误码 154001：no"),
    ],
    ids=["without an answer", "with an answer of Feishu's"],
)
def test_a_reason_is_in_the_language_of_the_page(
    ledger: Ledger, url: str, path: str, verdict: Verdict, english: str, chinese: str
) -> None:
    """For the desk and for addresses, in the health line and beside the desk."""
    ChineseScene(ledger).hold("credentials", verdict)
    for language, told, other in (("en", english, chinese), ("zh-CN", chinese, english)):
        page = Visitor(url, language).look(path)
        assert page.count(told) == 4
        assert other not in page


def test_what_of_a_record_is_damaged_is_in_the_language_of_the_page(ledger: Ledger, url: str) -> None:
    [event] = ledger.accept([Notification.build({"receiver_id": "ou_ada", "text": "x"})])
    ledger.redis.hset(ledger.keys.notification(event.id), mapping={"progress": "{", "input": "{"})
    page = Visitor(url, "zh-CN").look(f"/notifications/{event.id}")
    assert "记录已损坏：无法读取 input 和 progress" in page
    assert "cannot be read" not in page
