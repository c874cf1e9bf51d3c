"""`docs/lifecycle.md` tells the truth about the states, the verbs and the keys."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.rate import Limit
from ledger.redis_keys import RedisKeys
from ledger.slots import LATE_SHARE, slack_ms
from ledger.states import FINAL, INDEXED, TRANSITIONS, State
from ledger.verbs import NAMES

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/lifecycle.md").read_text("utf-8")
SHARED_KEYS = (ROOT / "ledger/lua/shared/keys.lua").read_text("utf-8")


def late_ms(limit: Limit) -> int:
    return round(slack_ms(limit) * LATE_SHARE)


def test_the_diagram_has_every_move_and_no_other() -> None:
    drawn = set(re.findall(r"^    (\w+) --> (\w+)", PAGE, re.MULTILINE))
    assert drawn == {(str(state), str(to)) for state, targets in TRANSITIONS.items() for to in targets}


@pytest.mark.parametrize(
    ("ms_of", "said"), [(slack_ms, "between {} and {} ms), so that"), (late_ms, "between {} and {} ms). A claim")]
)
def test_the_times_of_a_slot_are_those_of_the_code(ms_of: Callable[[Limit], int], said: str) -> None:
    shortest, longest = (ms_of(Limit(calls=1, seconds=seconds)) for seconds in (1, 86400))
    assert said.format(shortest, longest) in " ".join(PAGE.split())


def test_every_state_has_its_moves_in_the_table() -> None:
    assert TRANSITIONS.keys() == set(State)
    assert {state for state in FINAL if not TRANSITIONS[state]} == FINAL - {State.FAILED}


def test_every_verb_is_described_and_has_its_file() -> None:
    table = PAGE.partition("| verb |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", table, re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    files = {path.stem for path in (ROOT / "ledger/lua").glob("*.lua")}
    assert described == set(NAMES) == files


def key_shapes(name: str) -> str:
    return re.sub(r"\{\w+\}", "{}", name)


def built_by(keys: RedisKeys) -> set[str]:
    """The shapes of all keys that Python can build; where a state is asked for, of those that have an index."""
    shapes = set()
    for name, member in inspect.getmembers(RedisKeys):
        if isinstance(member, property):
            shapes.add(getattr(keys, name))
        elif inspect.isfunction(member) and not name.startswith("_"):
            parameters = list(inspect.signature(member).parameters)[1:]
            states = sorted(INDEXED) if "state" in parameters else [""]
            for state in states:
                shapes.add(getattr(keys, name)(*(state if parameter == "state" else "{}" for parameter in parameters)))
    return {shape.removeprefix(":") for shape in shapes}


def test_the_key_table_has_every_key_that_python_builds() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \| (?:hash|string|set|zset|list|channel) \|", PAGE, re.MULTILINE)
    described = {key_shapes(name) for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert described - {"desk:{}:token:{}"} == built_by(RedisKeys(""))


def test_lua_builds_the_same_keys_as_python() -> None:
    keys = RedisKeys("p")
    lua = {
        ":".join(("p", *(part.strip().strip("'").replace("DESK", "d") for part in call.split(","))))
        for call in re.findall(r"^local [A-Z]+ = key\(([^)]*)\)", SHARED_KEYS, re.MULTILINE)
    }
    parts = (keys.desk, keys.slots, keys.turns, keys.due, keys.leases, keys.calls, keys.tally, keys.share, keys.tickets)
    of_desk = {part("d") for part in parts}
    assert lua == {keys.desks, keys.wake, keys.events, keys.announcements, keys.clock, keys.damaged} | of_desk
