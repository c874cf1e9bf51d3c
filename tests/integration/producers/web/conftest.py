"""The ledger that the web process of a test writes to."""

import pytest

from ledger.ledger import Ledger
from tests.integration.producers.web.web_thread import WebThread


@pytest.fixture
def ledger(web: WebThread) -> Ledger:
    return web.context.ledger
