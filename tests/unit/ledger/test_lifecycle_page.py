"""`docs/lifecycle.md` tells the truth about the states, the verbs and the keys."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

from console.sessions import SESSION_SECONDS, SESSIONS_OF_A_KEY
from feishu.contact import CONTACTS_PER_CALL
from feishu.images import KEY_SECONDS
from feishu.people import PROBLEM_MS
from ledger import (
    allowance,
    callbacks,
    dropped_messages,
    durability,
    hook_log,
    quarters,
    saved_templates,
    tally,
)
from ledger.draft_verbs import DRAFT_MS, MOST_DRAFTS
from ledger.inspection.invariants import Invariant
from ledger.leases import AFTER_CALL_MS, BEGIN_WITHIN_MS, RELEASED_LEASE_MS
from ledger.rate import AHEAD_TRIPS, LATE_SHARE, SPAN_TRIPS, Limit, slack_ms
from ledger.redis_keys import RedisKeys
from ledger.settings import Settings
from ledger.settling import UNDO_MS
from ledger.states import FINAL, INDEXED, TRANSITIONS, State
from ledger.store import NAMES
from ledger.tickets import BELIEVED_MS, REMEMBERED_MS
from ledger.workers import FRESH_MS
from producers.doctor.redis_time import PROBE_KEPT_SECONDS
from tests.all_of import all_of
from worker.claimed import CREDENTIALS_HOLD_MS, PAUSE_HOLDS_WITHIN_MS, QUOTA_HOLD_MS
from worker.delivery import INLINE_TRIES
from worker.leader import LEAD_AGAIN_SECONDS, LEAD_MS, SHORT_BREAK_MS
from worker.resolver import REFUSED_MS
from worker.retries import FIRST_DEFERRAL_MS, LONGEST_DEFERRAL_MS
from worker.runtime import Runtime
from worker.tickets import OPEN_ID_SECONDS, REFRESH_MS

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/lifecycle.md").read_text("utf-8")
FLAT = " ".join(PAGE.split())
SHARED_KEYS = (ROOT / "ledger/lua/shared/keys.lua").read_text("utf-8")


LEASE_MS = Runtime(Settings(_env_file=None)).leases.lease_ms
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def late_ms(limit: Limit) -> int:
    return round(slack_ms(limit) * LATE_SHARE)


def test_the_diagram_has_every_move_and_no_other() -> None:
    drawn = set(re.findall(r"^    (\w+) --> (\w+)", PAGE, re.MULTILINE))
    assert drawn == {(str(state), str(to)) for state, targets in TRANSITIONS.items() for to in targets}


def lua(file: str, name: str) -> float:
    """The constant of a Lua file: `local NAME = 5` or `local OTHER, NAME = 1, 5`."""
    text = (ROOT / "ledger/lua" / file).read_text("utf-8")
    [(names, values)] = re.findall(rf"^local ((?:\w+, )*{name}(?:, \w+)*) = (.+)$", text, re.MULTILINE)
    return float(dict(zip(names.split(", "), values.split(", "), strict=True))[name])


WORDS = {3: "three", 4: "four", 4.5: "four and a half", 5: "five"}
SPANS = {MINUTE: "a minute", HOUR / 2: "half an hour", HOUR: "an hour", DAY: "a day"}
#: From how many ms on a unit is used, and its ms.
UNITS = {
    "days": (2 * DAY, DAY),
    "hours": (2 * HOUR, HOUR),
    "minutes": (2 * MINUTE, MINUTE),
    "s": (1000, 1000),
    "ms": (0, 1),
}


def span(ms: float) -> str:
    """A time as the page writes it."""
    unit, unit_ms = next((unit, its) for unit, (least, its) in UNITS.items() if ms >= least and ms % its in (0, 500))
    return SPANS.get(ms) or f"{ms / unit_ms:g} {unit}"


def of_quotas(ms_of: Callable[[Limit], int]) -> tuple[int, int]:
    """The least and the most, over the shortest and the longest window."""
    least, most = (ms_of(Limit(calls=1, seconds=seconds)) for seconds in (1, 86400))
    return least, most


def share_of_window(ms_of: Callable[[Limit], int]) -> str:
    """In percent, where neither bound is reached."""
    return f"{ms_of(Limit(calls=1, seconds=8)) / 80:g} %"


#: Everything that the page says in numbers, and what the code has for it.
STATED = (
    f"not claimed within {span(RELEASED_LEASE_MS)} goes back",
    f"plus {span(BEGIN_WITHIN_MS + AFTER_CALL_MS)} ({span(LEASE_MS)} with the default",
    f"After {WORDS[lua('sweep.lua', 'MOST_LOST')]} losses",
    f"starts at most {span(PAUSE_HOLDS_WITHIN_MS)} after its claim",
    f"slots are granted ahead; {span(BEGIN_WITHIN_MS)} at most)",
    "({} of the quota's window, between {} and {} ms)".format(share_of_window(late_ms), *of_quotas(late_ms)),
    "the quota's plus {} (between {} and {} ms)".format(share_of_window(slack_ms), *of_quotas(slack_ms)),
    f"{WORDS[AHEAD_TRIPS]} round trips for the way to the worker, and up to {WORDS[SPAN_TRIPS]} more",
    f"Every {span(LEAD_AGAIN_SECONDS * 1000)} the leading pacer vouches for the clock",
    f"After {span(lua('shared/keys.lua', 'VOUCHED_FOR'))} without that",
    f"{WORDS[INLINE_TRIES]} calls with exponential, jittered waits",
    f"first for {FIRST_DEFERRAL_MS // 2000} to {span(FIRST_DEFERRAL_MS)}, doubling up to {span(LONGEST_DEFERRAL_MS)}",
    f"When {WORDS[lua('record.lua', 'OUTAGE_AFTER')]} notifications of a desk in a row fail",
    f"one probe goes after {span(lua('record.lua', 'FIRST_PROBE'))}",
    f"up to {span(lua('record.lua', 'LONGEST_PROBE'))}, until one succeeds",
    f"with one probe {span(CREDENTIALS_HOLD_MS)}, a spent monthly quota with one {span(QUOTA_HOLD_MS)}.",
    f"by the time of the last use | {span(saved_templates.SENT_MS)} after the last one |",
    f"at most {saved_templates.MOST_NAMES}, with the number of the latest version",
    f"its latest {saved_templates.MOST_VERSIONS} versions",
    f"by the number of the day | after {span(allowance.KEPT_SECONDS * 1000)} |",
    f"(Unix time, in minutes) | after {span(tally.KEPT_SECONDS * 1000)} |",
    f"a quarter: after {span(quarters.KEPT_QUARTERS * quarters.QUARTER_MS)}; all: {span(quarters.KEPT_MS)} after",
    f"{span(tally.LATE_MS)} after each quarter-hour the leading pacer",
    f"(or one did again within {span(SHORT_BREAK_MS)})",
    f"after repeated throttles | after {span(lua('hold.lua', 'LOWERED_FOR'))} |",
    f"all: after {span(BELIEVED_MS)} without a list or an event |",
    f"{span(lua('record.lua', 'LINGERS'))} after the last of them was due |",
    f"a Feishu event that was processed | after {span(REMEMBERED_MS)} |",
    f"the time of the ticket's last event, by Feishu's clock | after {span(REMEMBERED_MS)} |",
    f"a worker's turn to fetch the ticket list | after {span(REFRESH_MS)} |",
    f"the open_id of a person for an app | after {span(OPEN_ID_SECONDS * 1000)} |",
    f"after `DESKBELL_PEOPLE_FOR`, a problem after {span(PROBLEM_MS)} |",
    f"settles `unknown` after {span(UNDO_MS)}, unless",
    f"The console gives {span(UNDO_MS)} to take it back",
    f"may be asked again | after {span(lua('settle.lua', 'UNDO_REPEATED'))} |",
    f"settled in portions of {lua('shared/settling.lua', 'SETTLED_AT_ONCE'):g}.",
    f"up to {CONTACTS_PER_CALL} addresses in a call",
    f'cached for `DESKBELL_PEOPLE_FOR`, "nobody" for {span(PROBLEM_MS)}.',
    f"up to {lua('shared/people.lua', 'ADDRESSES_PER_CALL'):g} addresses to ask Feishu about",
    f"until it is full, for {span(lua('shared/people.lua', 'GATHER')).replace('1 s', 'a second')} at the most",
    f"another one asks after {span(lua('shared/people.lua', 'ASKER_LEASE'))}.",
    f"{lua('contact.lua', 'SECOND_CALLS'):g} calls in {lua('contact.lua', 'SECOND') / 1000:g} s",
    f"and {lua('contact.lua', 'MINUTE_CALLS'):g} in {span(lua('contact.lua', 'MINUTE'))},",
    f"latest first | {span(lua('contact.lua', 'MINUTE'))} after the last one |",
    "nobody asks for a second, then for 2, 4, 8 … up to " + span(lua("answer.lua", "LONGEST_PROBE")),
    f"{span(REFUSED_MS)} at first if a permission is missing",
    f"the key of an uploaded image | after {span(KEY_SECONDS * 1000)} |",
    f"when it was received, or after {span(lua('shared/callbacks.lua', 'CALLBACKS_FOR'))} |",
    f"the hash of its key's secret | after {span(SESSION_SECONDS * 1000)}, or at sign-out |",
    f"by their time, the last {SESSIONS_OF_A_KEY} | {span(SESSION_SECONDS * 1000)} after the last one |",
    f"failed sign-ins to the console | after {span(MINUTE)} |",
    f"when it starts or is discarded, or {span(DRAFT_MS)} after it was kept |",
    f"newest first, the last {hook_log.KEPT} of each |",
    f"takes what joins | {span(lua('shared/joining.lua', 'WINDOW_LINGERS'))} after its end |",
    f"newest first, the last {lua('shared/joining.lua', 'MOST_LINES'):g} | with the message |",
    f"newest first, the last {dropped_messages.KEPT} |",
    f"A draft is kept {span(DRAFT_MS)} after its last edit; an author has {MOST_DRAFTS} at most.",
    f"of one author | an entry: {span(lua('shared/drafts.lua', 'DRAFT_KEPT'))} after the last edit",
    f"after it is finished; a draft's: {span(DRAFT_MS)} after its last edit",
    f"as measured | stays; {span(durability._KEPT_SECONDS * 1000)} if INFO is refused |",
    f"to time an fsync | after {span(PROBE_KEPT_SECONDS * 1000)} |",
    f"the leading pacer | after {span(LEAD_MS)} without renewal |",
    f"dead after {span(FRESH_MS)} without one |",
)
#: How the page writes a number of something that the code decides.
COUNT, COUNTED = r"(?:\d[\d,.]*|an?|half|two|three|four|five)", r"(?:%|m?s|(?:an )?hours?|minutes?|days?|trips|losses)"
NUMBER = rf"\b{COUNT} {COUNTED}\b|last \d[\d,]*"


@all_of("stated", STATED)
def test_a_number_on_the_page_is_that_of_the_code(stated: str) -> None:
    assert stated in FLAT


def test_the_page_states_no_number_that_is_not_compared_with_the_code() -> None:
    left = FLAT
    for stated in STATED:
        left = left.replace(stated, " … ")
    assert re.findall(NUMBER, left) == []


def test_lua_and_python_keep_the_same_times() -> None:
    assert lua("shared/callbacks.lua", "CALLBACKS_FOR") == callbacks.KEPT_MS
    assert lua("shared/callbacks.lua", "NEVER_POSTED") == callbacks._NEVER_POSTED_MS
    assert lua("shared/records.lua", "MINUTE_KEPT") == tally.KEPT_SECONDS
    assert lua("roll.lua", "QUARTER") == quarters.QUARTER_MS == lua("roll.lua", "MINUTES") * tally.MINUTE_MS
    assert lua("roll.lua", "QUARTERS_KEPT") == quarters.KEPT_QUARTERS
    assert lua("roll.lua", "CHART_LINGERS") == quarters.KEPT_MS
    assert lua("roll.lua", "LATE") == tally.LATE_MS


def test_every_state_has_its_moves_in_the_table() -> None:
    assert TRANSITIONS.keys() == set(State)
    assert {state for state in FINAL if not TRANSITIONS[state]} == FINAL - {State.FAILED}


def test_every_verb_is_described_and_has_its_file() -> None:
    table = PAGE.partition("| verb |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", table, re.MULTILINE)
    described = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    files = {path.stem for path in (ROOT / "ledger/lua").glob("*.lua")}
    assert described == set(NAMES) == files


def test_the_page_has_every_invariant_in_its_own_words() -> None:
    table = PAGE.partition("| invariant |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([\w-]+)` \| (.+) \|$", table, re.MULTILINE) == [(str(it), it.means) for it in Invariant]


def key_shapes(name: str) -> str:
    return re.sub(r"\{\w+\}", "{}", name)


def built_by(keys: RedisKeys) -> set[str]:
    """The shapes of all keys that Python can build; where a state is asked for, of those that have an index."""
    shapes = set(vars(keys).values()) - {keys.prefix}
    for name, member in inspect.getmembers(RedisKeys):
        if inspect.isfunction(member) and not name.startswith("_"):
            parameters = list(inspect.signature(member).parameters)[1:]
            states = sorted(INDEXED) if "state" in parameters else [""]
            for state in states:
                shapes.add(getattr(keys, name)(*(state if parameter == "state" else "{}" for parameter in parameters)))
    return {shape.removeprefix(":") for shape in shapes}


def built_by_lua() -> set[str]:
    """As `built_by`; keys of a state, which the caller names, are those of Python."""
    calls = {
        call
        for path in (ROOT / "ledger/lua").rglob("*.lua")
        for call in re.findall(r"key\(([^()]+)\)", path.read_text())
    }
    parts = [call.split(", ") for call in calls if "state" not in call and call != "..."]
    return {":".join(part[1:-1] if re.fullmatch(r"'\w+'", part) else "{}" for part in each) for each in parts}


def test_the_key_table_has_every_key_that_is_built() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \| (?:hash|string|set|zset|list|channel) \|", PAGE, re.MULTILINE)
    described = {key_shapes(name) for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert described - {"desk:{}:token:{}"} == built_by(RedisKeys("")) | built_by_lua()


def test_lua_builds_the_same_keys_as_python() -> None:
    keys = RedisKeys("p")
    lua = {
        ":".join(("p", *(part.strip().strip("'").replace("DESK", "d") for part in call.split(","))))
        for call in re.findall(r"^local [A-Z_]+ = key\(([^)]*)\)", SHARED_KEYS, re.MULTILINE)
    }
    parts = (keys.desk, keys.slots, keys.turns, keys.due, keys.leases, keys.calls, keys.tally, keys.share, keys.tickets)
    of_desk = {part("d") for part in (*parts, keys.unresolved, keys.unresolved_ends, keys.ended)}
    of_all = {keys.desks, keys.wake, keys.events, keys.announcements, keys.clock, keys.damaged}
    assert lua == of_all | of_desk | {keys.unresolved_desks, keys.wake_unresolved}
