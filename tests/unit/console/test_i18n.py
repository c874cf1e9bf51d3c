"""The catalogues hold the same texts, all that the pages ask for; the browser's language is found."""

import re
import string
from pathlib import Path

import pytest

import console
from console.i18n import LANGUAGES, chosen_language, language
from feishu.codes import CodeTable
from ledger.states import Outcome, State

__all__: list[str] = []

FOLDER = Path(console.__file__).parent
SOURCES = [*FOLDER.rglob("*.html"), *FOLDER.glob("*.py")]
#: What templates put behind a prefix: `say("state." ~ name)`.
CHOICES = {
    "state.": [*State, "rerouted", "running", "paused", "finished", "complete", "partial"],
    "outcome.": list(Outcome),
    "hold.": ["throttled", "credentials", "quota", "outage"],
    "theme.": ["auto", "light", "dark"],
    "receive.": ["chat", "user"],
    "on_open_ticket.": ["reroute", "wait", "fail"],
    "on_unknown.": ["resend", "hold"],
    "hooks.": ["accepted", "skipped", "failed", "refused"],
    "nav.": ["now", "announcements", "notifications", "needs", "hooks"],
    "act.": ["delivered", "failed", "resend", "delivered_text", "failed_text", "resend_text"],
}

#: What the audit log holds, with an underline for each blank.
ACTIONS = [
    *("announce", "pause", "resume", "cancel", "retry", "retry_failed", "retry_unknown", "retry_code"),
    *("resolve_as_delivered", "resolve_as_failed", "resolve_as_resend", "resume_desk", "sign_in", "sign_out"),
]


def placeholders(text: str) -> set[str]:
    return set() if "{{" in text else {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("name", LANGUAGES[1:])
def test_every_language_has_the_same_keys(name: str) -> None:
    assert language(name).texts.keys() == language(LANGUAGES[0]).texts.keys()


@pytest.mark.parametrize("name", LANGUAGES[1:])
def test_every_language_fills_in_the_same_facts(name: str) -> None:
    first, other = language(LANGUAGES[0]).texts, language(name).texts
    assert {key: placeholders(text) for key, text in other.items()} == {
        key: placeholders(text) for key, text in first.items()
    }


def test_all_that_the_pages_ask_for_is_there() -> None:
    found = [
        match
        for path in SOURCES
        for match in re.findall(r"""say\(\s*["']([a-z_.]+)["'](\s*~)?""", path.read_text("utf-8"))
    ]
    whole = {key for key, tail in found if not tail}
    prefixes = {key for key, tail in found if tail}
    assert whole <= language("en").texts.keys()
    assert prefixes == CHOICES.keys()
    assert {prefix + choice for prefix, choices in CHOICES.items() for choice in choices} <= language("en").texts.keys()


def test_no_text_is_unused() -> None:
    sources = "\n".join(path.read_text("utf-8") for path in SOURCES)
    known = {prefix + choice for prefix, choices in CHOICES.items() for choice in choices}
    known |= {f"action_text.{action}" for action in ACTIONS}
    for key in language("en").texts.keys() - known:
        written = key.removeprefix("flash.").removeprefix("span.")
        assert re.search(rf"""["']({re.escape(key)}|{re.escape(written)})["']""", sources), key


@pytest.mark.parametrize("name", LANGUAGES[1:])
def test_every_language_tells_what_the_codes_mean(name: str) -> None:
    rules = CodeTable.load().rules
    english = {text for rule in rules for text in (rule.means, rule.do) if text}
    assert language(name).meanings.keys() == english


@pytest.mark.parametrize(
    ("did", "told"),
    [
        ("pause", "paused"),
        ("resolve as failed", "settled as failed"),
        ("retry code 154004", "retried events with code 154004"),
        ("something else", "something else"),
    ],
)
def test_what_somebody_did_is_told_in_words(did: str, told: str) -> None:
    assert language("en").action_text(did) == told


def test_what_an_operator_wrote_about_a_code_stands_as_it_was_written() -> None:
    assert language("zh-CN").meaning("Ask Bob.") == "Ask Bob."


@pytest.mark.parametrize(
    ("preferred", "accepted", "found"),
    [
        (None, "", "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        (None, "zh", "zh-CN"),
        (None, "zh-TW,en;q=0.5", "zh-CN"),
        (None, "fr-FR,fr;q=0.9", "en"),
        (None, "fr,zh;q=0.3,en;q=0.7", "en"),
        (None, "zh;q=0,en;q=0.1", "en"),
        (None, "zh;q=much", "en"),
        ("zh-CN", "en", "zh-CN"),
        ("en", "zh-CN", "en"),
        ("xx", "zh-CN", "zh-CN"),
    ],
)
def test_the_choice_comes_first_then_the_browser(preferred: str | None, accepted: str, found: str) -> None:
    assert chosen_language(preferred, accepted).name == found


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (3_599, "60 min"), (3_600, "1 h"), (6_000, "1 h 40 min"),
     (86_400, "1 d"), (604_000, "6 d 23 h"), (-5, "0 s")],
)  # fmt: skip
def test_a_span_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert language("en").span(seconds) == text
