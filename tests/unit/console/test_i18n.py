"""The catalogues hold the same texts, all that the pages ask for; the browser's language is found."""

import ast
import re
import string
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import get_args

import orjson
import pytest

import console
from console.i18n import LANGUAGES, chosen_language, language
from console.maybe_sent import WAYS
from console.spans import Span
from feishu.codes import CodeTable
from ledger.api_key import Scope, check_rate
from ledger.errors import BadInput, NotAllowed
from ledger.messages.strict_json import NotJson
from ledger.phrases import Phrase, phrase_json, phrase_of
from ledger.search import Cursor
from ledger.sending_hours import SendingHours
from ledger.states import DRAFTED, Outcome, Resolution, State, SteeringVerb
from producers.hooks.sent_json import sent_json
from tests.english import english_in
from tests.unit.source_tree import files, nodes

__all__: list[str] = []

FOLDER = Path(console.__file__).parent
SOURCES = [*FOLDER.rglob("*.html"), *FOLDER.glob("*.py")]
#: What templates put behind a prefix: `say("state." ~ name)`.
CHOICES = {
    "state.": [*State, "rerouted", "running", "paused", "finished", "complete", "partial", *DRAFTED],
    "outcome.": list(Outcome),
    "hold.": ["throttled", "credentials", "quota", "outage", "refused"],
    "theme.": ["auto", "light", "dark"],
    "receive.": ["chat", "user"],
    "on_open_ticket.": ["reroute", "wait", "fail"],
    "on_unknown.": ["resend", "hold"],
    "hidden_rows.": ["skip", "include"],
    "audience.": ["frozen", "resigned", "not_joined", "excluded", "duplicate", "refused", "partial"],
    "hooks.": ["accepted", "skipped", "failed", "refused"],
    "now.": ["idle", "sending", "stopped", "paused", "timed"],
    **{f"chart.{text}_": list(Span) for text in ("span", "last", "ago", "top", "column", "all")},
    "chart.unknown_": [Span.DAY, Span.WEEK],
    "until.": ["scheduled", "deferred", "running"],
    "nav.": ["now", "announcements", "notifications", "needs", "hooks", "keys"],
    "scope.": list(Scope),
    "reference.in_": ["path", "query", "header"],
    "draft.row_": ["first", "longest", "emptiest", "number"],
    "settle.": [f"{outcome}{form}" for outcome in Resolution for form in ("", "_text")],
    "settle.as_": list(Resolution),
    "why.": list(WAYS),
}

#: What the audit log holds, with an underline for each blank.
ACTIONS = [
    *("announce", "pause", "resume", "reschedule", "cancel", "retry", "retry_failed", "retry_unknown", "retry_code"),
    *("pause_at_first_n", "pause_at_stop_at"),
    *("draft", "edit", "submit", "approve", "reject", "discard", "test", "start", "start_without_approval", "correct"),
    *(
        "resolve_as_delivered",
        "resolve_as_failed",
        "resolve_as_resend",
        *(f"undo_resolve_as_{outcome}" for outcome in Resolution),
        "resume_desk",
        "create_key",
        "revoke_key",
        "see_dropped",
        "probe",
        "learn_ticket_code",
        "forget_ticket_codes",
    ),
    *("sign_in", "sign_in_by_link", "make_link", "sign_out"),
    *("revoke", "watch", "resend", "find_rows_of"),  # in an error alone
]


#: Packages whose code tells people something.
TELLING = ("console/", "ledger/", "feishu/", "producers/", "worker/")
#: What fills the template of a phrase that stands elsewhere as a literal.
REFILLS = {
    "ledger/messages/field_problems.py": "known.template",
    "producers/cli/usage_phrases.py": "known.template",
}
#: pydantic makes a text of it.
BY_PYDANTIC = "{problem}"


def calls_of(*names: str) -> list[tuple[str, ast.Call]]:
    """All calls of these names in the code, and the files in which they stand."""
    return [
        (name, node)
        for name, path in files().items()
        if name.startswith(TELLING)
        for node in nodes(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]


@cache
def phrases() -> set[str]:
    """The templates of all that the code tells people."""
    return {str(call.args[0].value) for _, call in calls_of("Phrase") if isinstance(call.args[0], ast.Constant)}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


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
    assert language(name).meanings.keys() == english | phrases()


@pytest.mark.parametrize("name", LANGUAGES[1:])
def test_every_language_fills_the_same_values_into_a_phrase(name: str) -> None:
    """But for what a library says in English."""
    for template in phrases():
        forms = {frozenset(placeholders(form) - {"said"}) for form in template.split(" | ")}
        told = placeholders(language(name).meanings[template])
        assert forms == {frozenset(told - {"said"})}, template
        assert told <= placeholders(template), template


def test_nothing_in_the_chinese_catalogues_is_an_english_sentence() -> None:
    chinese = language("zh-CN")
    texts = {**chinese.texts, **chinese.meanings}
    assert {key: found for key, text in texts.items() if (found := english_in(text))} == {}


def test_what_a_state_does_not_allow_is_told_in_chinese_with_verb_and_state() -> None:
    verbs = {str(call.args[1].value) for _, call in calls_of("NotAllowed") if isinstance(call.args[1], ast.Constant)}
    assert {"find rows of", "start"} <= verbs
    for verb in (*verbs, *get_args(SteeringVerb), Resolution.RESEND):
        assert not english_in(language("zh-CN").meaning(NotAllowed("n_1", verb, State.DELIVERED).detail)), verb
        assert verb not in language("zh-CN").meaning(NotAllowed("n_1", verb, State.DELIVERED).detail)


def test_the_template_of_a_phrase_is_a_literal_so_that_its_translation_is_asked_for_here() -> None:
    others = {
        (path, ast.unparse(call.args[0]))
        for path, call in calls_of("Phrase")
        if not isinstance(call.args[0], ast.Constant)
    }
    assert others == set(REFILLS.items())


def test_no_value_of_a_phrase_is_an_english_sentence() -> None:
    for path, call in calls_of("Phrase"):
        for value in call.keywords:
            words = [part.value for part in ast.walk(value.value) if isinstance(part, ast.Constant)]
            if not isinstance(value.value, ast.Call):  # a phrase, for instance
                assert not [word for word in words if isinstance(word, str) and " " in word.strip()], (
                    path,
                    call.lineno,
                )


def test_what_a_check_finds_wrong_is_a_phrase() -> None:
    """Errors of ours take nothing else, as mypy sees to it; pydantic's take any text."""
    for path, call in calls_of("ValueError", "PydanticCustomError"):
        text = next((arg for arg in reversed(call.args) if isinstance(arg, ast.Constant | ast.JoinedStr)), None)
        assert text is None or ast.unparse(text) in (repr(BY_PYDANTIC), repr(_type_of(call))), (path, call.lineno)


def _type_of(call: ast.Call) -> object:
    """pydantic's first argument, which is for programs."""
    first = call.args[0]
    return first.value if len(call.args) > 1 and isinstance(first, ast.Constant) else None


def test_a_phrase_is_shown_in_the_language_of_the_page_with_all_phrases_in_it() -> None:
    chinese = language("zh-CN")
    kind = Phrase("must be a text, a number, true or false, not {kind}", kind=Phrase("a list"))
    assert str(kind) == "must be a text, a number, true or false, not a list"
    assert chinese.meaning(kind) == "应为文本、数字、true 或 false，而不是列表"
    assert chinese.meaning(BadInput("line 2", kind).args[0]).endswith("而不是列表")
    assert language("en").meaning(kind) == kind
    assert chinese.meaning(Phrase("is {n} parsecs away", n=2)) == "is 2 parsecs away"


@pytest.mark.parametrize(
    "text",
    ["x", "{x", '{"a" 1}', '{"a": 1 "b"}', "[1] 2", '"a', '"a\n"', '"\\q"', '"\\u12"', '{"a": 1,}', "[1,]", "[", "{"],
)
def test_what_is_wrong_with_json_is_told_in_the_language_of_the_page(text: str) -> None:
    """On the pages of hooks and in *Needs you*, where the English of the reader stood in the Chinese sentence."""
    with pytest.raises(NotJson) as raised:
        sent_json(text.encode())
    assert not re.search("[A-Za-z]{3}", language("zh-CN").meaning(raised.value.args[0]).replace("uXXXX", ""))


@pytest.mark.parametrize(
    ("refused", "told"),
    [
        (partial(check_rate, "often"), "rate：'often' 不是有效的频率"),
        (partial(SendingHours.read, "9-18", "UTC"), "between：'9-18' 不是有效的时段"),
        (partial(SendingHours.read, "09:00-09:00", "UTC"), "between：'09:00-09:00' 没有结束"),
        (partial(Cursor.of, "zz"), "cursor：不是页面给出的游标"),
    ],
)
def test_what_a_form_was_given_is_refused_in_the_language_of_the_page(refused: Callable[[], object], told: str) -> None:
    with pytest.raises(BadInput) as raised:
        refused()
    assert language("zh-CN").meaning(raised.value.args[0]).startswith(told)


def test_a_phrase_comes_whole_through_another_process_and_a_foreign_template_is_not_filled_in() -> None:
    phrase = Phrase("must be a text, a number, true or false, not {kind}", kind=Phrase("a list"))
    sent = orjson.dumps([phrase, "plain"], default=phrase_json, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
    again, plain = map(phrase_of, orjson.loads(sent))
    assert (again, plain) == (phrase, "plain")
    assert language("zh-CN").meaning(again) == language("zh-CN").meaning(phrase)
    assert language("zh-CN").meaning(phrase_of(["odd", "{n.__class__}", {"n": 1}])) == "odd"


@pytest.mark.parametrize(
    ("n", "text"), [(0, "0 rows"), (1, "1 row"), ("1", "1 row"), (2, "2 rows"), (1_000, "1000 rows")]
)
def test_one_is_counted_in_the_singular(n: object, text: str) -> None:
    assert Phrase("{n} row | {n} rows", n=n) == text


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


def test_a_word_of_somebody_else_is_not_taken_for_a_phrase_of_ours() -> None:
    chinese = language("zh-CN")
    assert chinese.meaning(Phrase("no")) == "否"
    assert chinese.meaning(Phrase("{reason}: {msg}", reason=Phrase("code {code}", code=1), msg="no")) == "错误码 1：no"
    assert chinese.meaning(Phrase("{name}: {value}", name="no", value=Phrase("no"))) == "no：否"


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
