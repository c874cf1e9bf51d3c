"""Who signed what: each tool's way, and what does not pass."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks import Webhook

from producers.hooks.hook_request import HookRequest
from producers.hooks.signature import BadSignature, Signature, SignatureCheck
from tests.unit.producers.hooks.hook_cases import a_hook, with_headers

__all__: list[str] = []

NOW = 1_795_300_000
SECRET = "hush-hush"
BODY = b'{"text": "3\xc2\xbd floors"}'
TOKEN = "whsec_" + base64.b64encode(bytes(range(32))).decode()
#: Of GitHub's page on validating deliveries: its own example, so that the digest is not ours alone.
GITHUB_EXAMPLE = (
    "It's a Secret to Everybody",
    b"Hello, World!",
    "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
)


def digest(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def standard(body: bytes = BODY, id: str = "msg_1", at: int = NOW, token: str = TOKEN) -> dict[str, str]:
    """Signed by the reference implementation."""
    signature = Webhook(token).sign(id, datetime.fromtimestamp(at, UTC), body.decode())
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": signature}


def passes(
    signature: Signature, headers: dict[str, str], body: bytes = BODY, secret: str = SECRET, stamp: str | None = None
) -> bool:
    signature_check = SignatureCheck(signature, SecretStr(secret), stamp)
    try:
        signature_check.check(HookRequest.of(headers.items(), body), NOW)
    except BadSignature as error:
        return secret in str(error)  # to tell the secret is as bad as to let it pass
    return True


@pytest.mark.parametrize(
    ("signature", "headers", "secret", "stamp"),
    [
        (Signature.GITHUB, {"X-Hub-Signature-256": "sha256=" + digest(SECRET, BODY)}, SECRET, None),
        (Signature.GITHUB, {"X-Gitea-Signature": digest(SECRET, BODY)}, SECRET, None),
        (Signature.GITHUB, {"X-Forgejo-Signature": digest(SECRET, BODY)}, SECRET, None),
        (Signature.GITLAB, {"X-Gitlab-Token": SECRET}, SECRET, None),
        (Signature.GITLAB, standard(), TOKEN, None),
        (Signature.SENTRY, {"Sentry-Hook-Signature": digest(SECRET, BODY)}, SECRET, None),
        (Signature.GRAFANA, {"X-Grafana-Alerting-Signature": digest(SECRET, BODY)}, SECRET, None),
        (
            Signature.GRAFANA,
            {"X-Stamp": str(NOW), "X-Grafana-Alerting-Signature": digest(SECRET, b"%d:" % NOW + BODY)},
            SECRET,
            "X-Stamp",
        ),
        (Signature.STANDARD, standard(), TOKEN, None),
        (Signature.STANDARD, standard(at=NOW - 299), TOKEN, None),
        (
            Signature.STANDARD,
            {**standard(), "webhook-signature": "v1a,xyz v1,AAAA " + standard()["webhook-signature"]},
            TOKEN,
            None,
        ),
    ],
)
def test_what_its_tool_signed_passes_and_nothing_else(
    signature: Signature, headers: dict[str, str], secret: str, stamp: str | None
) -> None:
    assert passes(signature, headers, secret=secret, stamp=stamp)
    other = TOKEN.replace("AAEC", "BBEC") if secret != SECRET else "hush-hash"
    assert not passes(signature, headers, secret=other, stamp=stamp)
    if signature is not Signature.GITLAB or secret != SECRET:  # its plain token says nothing about the body
        assert not passes(signature, headers, BODY + b" ", secret=secret, stamp=stamp)
    for name in headers:
        assert not passes(signature, {**headers, name: ""}, secret=secret, stamp=stamp)
        assert not passes(
            signature, {each: headers[each] for each in headers if each != name}, secret=secret, stamp=stamp
        )


def test_the_digest_is_that_of_githubs_own_example() -> None:
    secret, body, hexadecimal = GITHUB_EXAMPLE
    assert passes(Signature.GITHUB, {"X-Hub-Signature-256": f"sha256={hexadecimal}"}, body, secret)
    assert not passes(Signature.GITHUB, {"X-Hub-Signature-256": hexadecimal}, body, secret)
    assert not passes(Signature.GITHUB, {"X-Hub-Signature": f"sha256={hexadecimal}"}, body, secret)


@pytest.mark.parametrize("at", [NOW - 301, NOW + 301, 0])
def test_an_old_or_future_timestamp_is_refused_although_it_is_signed(at: int) -> None:
    assert not passes(Signature.STANDARD, standard(at=at), secret=TOKEN)
    grafana = {"X-Stamp": str(at), "X-Grafana-Alerting-Signature": digest(SECRET, b"%d:" % at + BODY)}
    assert not passes(Signature.GRAFANA, grafana, stamp="X-Stamp")


def test_a_timestamp_that_grafana_was_told_to_send_cannot_be_left_out() -> None:
    assert not passes(Signature.GRAFANA, {"X-Grafana-Alerting-Signature": digest(SECRET, BODY)}, stamp="X-Stamp")


def test_a_signing_token_of_gitlab_is_not_satisfied_by_the_plain_token() -> None:
    assert not passes(Signature.GITLAB, {"X-Gitlab-Token": TOKEN}, secret=TOKEN)


@given(
    value=st.text(st.characters(max_codepoint=255), max_size=80),
    timestamp=st.text(max_size=20) | st.just(str(NOW)),
    signature=st.sampled_from(Signature),
)
def test_whatever_stands_in_the_headers_is_refused_and_raises_nothing_else(
    value: str, timestamp: str, signature: Signature
) -> None:
    names = ("X-Hub-Signature-256", "X-Gitlab-Token", "Sentry-Hook-Signature", "X-Grafana-Alerting-Signature")
    headers = {**dict.fromkeys(names, value), "webhook-id": value, "webhook-timestamp": timestamp}
    for stamp in (None, "webhook-timestamp"):
        assert not passes(signature, {**headers, "webhook-signature": value}, secret=TOKEN, stamp=stamp)


@pytest.mark.parametrize(
    ("lines", "headers"),
    [
        (['use = "pagerduty"'], {"X-PagerDuty-Signature": f"v1={digest(SECRET, BODY)}"}),
        (
            ['use = "pagerduty"'],
            {"X-PagerDuty-Signature": f"v1={digest('old', BODY)}, v1={digest(SECRET, BODY)},v1={digest('new', BODY)}"},
        ),
        (['use = "jira"'], {"X-Hub-Signature": f"sha256={digest(SECRET, BODY)}"}),
        (
            ['use = "generic"', 'signature = "hmac-sha256"', 'signature_header = "Linear-Signature"'],
            {"linear-signature": digest(SECRET, BODY).upper()},
        ),
        (
            [
                'use = "generic"',
                'signature = "hmac-sha256"',
                'signature_header = "X-Signature"',
                'signature_prefix = "sha256="',
                'signature_encoding = "base64"',
            ],
            {"X-Signature": "sha256=" + base64.b64encode(bytes.fromhex(digest(SECRET, BODY))).decode()},
        ),
    ],
)
def test_a_plain_hmac_is_found_in_the_header_that_the_tool_has(
    tmp_path: Path, lines: list[str], headers: dict[str, str]
) -> None:
    check = a_hook(tmp_path, *lines, f'secret = "{SECRET}"').signature_check
    assert check is not None
    check.check(with_headers(BODY, headers), NOW)
    [(name, value)] = headers.items()
    bare = value.replace("v1=", "").replace("sha256=", "")
    wrong = {
        "other body": with_headers(BODY + b" ", headers),
        "other header": with_headers(BODY, {f"{name}-2": value}),
        "no prefix": with_headers(BODY, {name: bare if bare != value else f"v1={value}"}),
        "nothing": with_headers(BODY, {name: ""}),
        "commas": with_headers(BODY, {name: ","}),
    }
    for posted in wrong.values():
        with pytest.raises(BadSignature):
            check.check(posted, NOW)
