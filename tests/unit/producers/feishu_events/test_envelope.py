"""Feishu's envelopes: the documents' vectors, and whatever a stranger may send."""

import base64
import gc
import itertools
import json
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ledger.settings import Desk
from producers.feishu_events.envelope import (
    AHEAD_SECONDS,
    OLDEST_SECONDS,
    Challenge,
    EnvelopeRefused,
    Event,
    Malformed,
    NotSetUp,
    Pushed,
    TooLarge,
    Unproven,
    decrypt,
    open_envelope,
    signature,
)
from tests.envelopes import APP, KEY, NOW, TOKEN, challenge, encrypted, event, plain, signed


@pytest.fixture(scope="module", autouse=True)
def _collected_before() -> Iterator[None]:
    """What others left behind would be collected at the bottom of a deep nesting, where its finalizers fail, too."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


#: Of the documents: `hello world` under KEY.
HELLO = "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="


def desk(name: str = "it", **fields: str) -> Desk:
    fields = {"app_id": APP, "encrypt_key": KEY, "verification_token": TOKEN, **fields}
    return Desk(name=name, rate="100/minute", feishu_url="http://127.0.0.1:1", **fields)  # type: ignore[arg-type]


# -- the documents


def test_the_vector_of_the_encryption() -> None:
    assert decrypt(HELLO, KEY) == b"hello world"


def test_the_vector_of_the_signature() -> None:
    body = b'{"encrypt":"' + HELLO.encode() + b'"}'
    expected = "69c61fa99760d59824d588297c0036194769fb54331682c9cbcd93e85b9a8aad"
    assert signature("1700000000", "abc123", KEY, body) == expected


@pytest.mark.parametrize(
    ("pushed", "fields"),
    [
        (plain(challenge()), {"encrypt_key": ""}),
        (Pushed({}, encrypted(challenge())), {}),
        (Pushed({}, encrypted(challenge(token="whatever"))), {"verification_token": ""}),
        (signed(encrypted(challenge())), {}),
    ],
    ids=["plain", "encrypted", "without a token of ours", "signed although it need not be"],
)
def test_a_challenge_comes_back(pushed: Pushed, fields: dict[str, str]) -> None:
    assert open_envelope(pushed, [desk(**fields)], NOW) == Challenge("c-1")


def test_an_event_of_version_2_is_opened() -> None:
    hr = desk("hr", app_id="cli_hr", encrypt_key="k-hr")
    other = desk("other", encrypt_key="", verification_token="")  # of the same app, which has one subscription
    opened = open_envelope(signed(encrypted(event())), [hr, desk(), other], NOW)
    assert isinstance(opened, Event)
    assert (opened.id, opened.type, opened.created_ms, opened.body) == ("e1", "t", 1666593118336, {"a": 1})
    assert [found.name for found in opened.desks] == ["it", "other"]


def test_an_event_of_version_1_is_opened() -> None:
    document = {"uuid": "u1", "token": TOKEN, "type": "event_callback", "event": {"type": "t", "app_id": APP}}
    opened = open_envelope(plain(document), [desk(encrypt_key="")], NOW)
    assert isinstance(opened, Event)
    assert (opened.id, opened.type, len(opened.desks)) == ("u1", "t", 1)


def test_a_time_in_microseconds_is_told_in_milliseconds() -> None:
    opened = open_envelope(signed(encrypted(event(create_time="1666593118336123"))), [desk()], NOW)
    assert isinstance(opened, Event)
    assert opened.created_ms == 1666593118336


# -- what proves nothing

_TAMPERED = encrypted(event()).replace(b'{"', b'{ "')


@pytest.mark.parametrize(
    ("pushed", "fields"),
    [
        (Pushed({}, encrypted(event())), {}),
        (signed(encrypted(event()), key="another"), {}),
        (Pushed(signed(encrypted(event())).headers, _TAMPERED), {}),
        (signed(encrypted(event()), timestamp=NOW - OLDEST_SECONDS - 1), {}),
        (signed(encrypted(event()), timestamp=NOW + AHEAD_SECONDS + 1), {}),
        (signed(encrypted(event()), timestamp="soon"), {}),
        (signed(encrypted(event(token="x"))), {}),
        (signed(encrypted(event(token=None))), {}),
        (signed(encrypted(event(app_id="cli_other"))), {}),
        (signed(encrypted(event(), key="another")), {}),
        (signed(encrypted(b"no JSON")), {}),
        (Pushed({}, encrypted(challenge(token="x"))), {}),
        (signed(json.dumps(event()).encode()), {}),  # plain, although there is a key
        (plain(challenge()), {}),
        (plain(event(token="x")), {"encrypt_key": ""}),
        (plain(event(token="ü")), {"encrypt_key": ""}),
        (plain({**event(), "header": None, "token": ""}), {"encrypt_key": ""}),
    ],
    ids=itertools.count(),
)
def test_what_proves_nothing_is_refused_in_the_same_words(pushed: Pushed, fields: dict[str, str]) -> None:
    with pytest.raises(Unproven) as refused:
        open_envelope(pushed, [desk(**fields)], NOW)
    assert str(refused.value) == str(Unproven())


def test_what_is_larger_than_any_event_is_not_looked_at() -> None:
    with pytest.raises(TooLarge, match="at most 262,144 are taken"):
        open_envelope(signed(encrypted(event(padding="x" * 300_000))), [desk()], NOW)


def test_what_is_large_is_decrypted_only_if_it_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    large = encrypted(event(padding="x" * 50_000))
    assert isinstance(open_envelope(signed(large), [desk()], NOW), Event)
    monkeypatch.setattr("producers.feishu_events.envelope.decrypt", refuse_to_decrypt)
    for pushed in (Pushed({}, large), signed(large, key="another"), signed(large, timestamp=1)):
        with pytest.raises(Unproven):
            open_envelope(pushed, [desk()], NOW)


def refuse_to_decrypt(encrypted: str, encrypt_key: str) -> bytes:
    raise AssertionError("it is not to be decrypted")


@pytest.mark.parametrize("timestamp", [NOW - OLDEST_SECONDS, NOW + AHEAD_SECONDS, NOW * 1000 + 123, NOW * 1_000_000])
def test_a_timestamp_within_its_bounds_is_taken_in_any_unit(timestamp: int) -> None:
    assert isinstance(open_envelope(signed(encrypted(event()), timestamp=timestamp), [desk()], NOW), Event)


@pytest.mark.parametrize("pushed", [plain(event()), signed(encrypted(event()))], ids=["plain", "encrypted"])
def test_without_key_and_token_the_variable_is_named(pushed: Pushed) -> None:
    with pytest.raises(NotSetUp, match="DESKBELL_ENCRYPT_KEY"):
        open_envelope(pushed, [desk(encrypt_key="", verification_token="")], NOW)


def test_a_name_that_stands_twice_is_malformed() -> None:
    body = plain(event()).body
    with pytest.raises(Malformed):
        open_envelope(Pushed({}, body[:-1] + b', "header": {}}'), [desk(encrypt_key="")], NOW)


@pytest.mark.parametrize(
    "document",
    [[], "x", 1, None, challenge(challenge=5), {"token": TOKEN}, event(event_id=""), event(event_type=7),
     {**event(), "event": "x"}],
)  # fmt: skip
def test_what_is_no_event_is_malformed(document: object) -> None:
    with pytest.raises(Malformed):
        open_envelope(plain(document), [desk(encrypt_key="")], NOW)


# -- whatever a stranger may send

#: A busy machine is no fault of theirs.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
likely = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["url_verification", "event_callback"]) | json_values,
        "challenge": json_values,
        "token": st.just(TOKEN) | json_values,
        "uuid": json_values,
        "schema": json_values,
        "encrypt": json_values | st.binary(max_size=80).map(lambda raw: base64.b64encode(raw).decode()),
        "header": st.fixed_dictionaries(
            {},
            optional={
                name: st.just(TOKEN) | json_values
                for name in ("event_id", "event_type", "app_id", "token", "create_time")
            },
        )
        | json_values,
        "event": json_values,
    },
)


def opened_or_refused(pushed: Pushed, **fields: str) -> None:
    try:
        found = open_envelope(pushed, [desk(**fields)], NOW)
    except EnvelopeRefused:
        return
    assert isinstance(found, Challenge | Event)


@unhurried
@given(st.binary(max_size=300))
@example(b'{"encrypt": "' + base64.b64encode(bytes(16)) + b'"}')
@example(b'{"encrypt": "' + base64.b64encode(bytes(33)) + b'"}')
@example(b"[" * 2000)
@example(b'{"encrypt": {}}')
def test_any_bytes_are_opened_or_refused(body: bytes) -> None:
    opened_or_refused(Pushed({}, body))
    opened_or_refused(Pushed({}, body), encrypt_key="")


@unhurried
@given(likely | json_values)
def test_any_document_is_opened_or_refused(document: object) -> None:
    opened_or_refused(plain(document), encrypt_key="")
    opened_or_refused(signed(encrypted(document)))


@unhurried
@given(st.binary(max_size=120))
def test_any_ciphertext_is_opened_or_refused(blob: bytes) -> None:
    body = json.dumps({"encrypt": base64.b64encode(blob).decode()}).encode()
    opened_or_refused(signed(body))


@unhurried
@given(st.dictionaries(st.sampled_from(sorted(signed(b"").headers)), st.text(st.characters(max_codepoint=255))))
def test_any_headers_are_taken_or_refused(headers: Mapping[str, str]) -> None:
    opened_or_refused(Pushed(headers, encrypted(event())))
