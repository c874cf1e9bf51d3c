"""What tests of the ledger share."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from tests.integration.ledger.standing_clock import StandingClock


@pytest.fixture
def clock() -> Iterator[StandingClock]:
    clock = StandingClock()
    with patch("time.time", clock):
        yield clock
