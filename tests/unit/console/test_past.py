"""The quarters behind charts of more than an hour are read once a minute, however often pages are drawn."""

import fakeredis

from console.past import FRESH_SECONDS, Past
from ledger.ledger import Ledger
from ledger.settings import Settings

__all__: list[str] = []


def test_they_are_read_when_they_are_old_or_of_other_desks_or_after_nobody_looked() -> None:
    ledger, now = Ledger(Settings(_env_file=None), fakeredis.FakeRedis()), [0.0]
    past = Past(ledger, lambda: now[0])

    def keep(quarter: int, desk: str = "default") -> None:
        ledger.redis.hset(ledger.keys.quarters(desk), str(quarter), '{"failed":1}')

    keep(1)
    assert past.of(["default"]) == {"default": {1: {"failed": 1}}}
    keep(2)
    now[0] += FRESH_SECONDS
    assert past.of(["default"])["default"].keys() == {1}
    now[0] += 0.1
    assert past.of(["default"])["default"].keys() == {1, 2}
    keep(3, "hr")
    assert past.of(["default", "hr"])["hr"].keys() == {3}
    keep(4, "hr")
    past.forget()
    assert past.of(["default", "hr"])["hr"].keys() == {3, 4}
