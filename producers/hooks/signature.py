"""Who sent it: the ways in which tools sign what they post, checked over the raw body and in constant time.

| signature | of | checked |
|---|---|---|
| `github` | GitHub, Gitea, Forgejo | `X-Hub-Signature-256` (`sha256=`), `X-Gitea-Signature`: hex HMAC of the body |
| `gitlab` | GitLab | `X-Gitlab-Token` is the secret; a secret `whsec_…` is a signing token: as `standard-webhooks` |
| `sentry` | Sentry | `Sentry-Hook-Signature`: the hex HMAC of the body |
| `grafana` | Grafana | `X-Grafana-Alerting-Signature`: the hex HMAC of the body, or of `timestamp:body` |
| `standard-webhooks` | Svix and others | `webhook-signature` or `svix-signature`: `v1,`, HMAC of id, time, body |
| `feishu-bot` | what posts to custom bots | `sign` in the body: HMAC of nothing, with `timestamp` in the key |
| `hmac-sha256` | Jira, PagerDuty, Flux, Bitbucket … | a header that the hook names: prefix, HMAC of the body |

All HMACs are SHA-256's.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum, auto
from http import HTTPStatus

from pydantic import SecretStr

from ledger.callback_format import signing_key
from ledger.errors import BadInput, DeskbellError
from ledger.phrases import Phrase, phrase_in
from producers.hooks.hook_request import HookRequest, check_size

__all__ = ["BadSignature", "Signature", "SignatureCheck", "SignatureEncoding", "SignatureHeader"]

#: How far a timestamp may be from our clock, seconds. What Standard Webhooks recommends.
_CLOCK_SECONDS = 300
#: The same for custom bots, as Feishu has it: their senders may keep a sign as long.
_BOT_CLOCK_SECONDS = 3600
#: Of a body whose signature stands in it: several times the largest message.
_SIGNED_BODY_BYTES = 512 * 1024
#: GitHub's header, and those of its descendants.
_HUB, _FORGES = "X-Hub-Signature-256", ("X-Forgejo-Signature", "X-Gitea-Signature", "X-Gogs-Signature")
#: Of the secrets of Standard Webhooks; base64 follows.
_STANDARD_PREFIX = "whsec_"


class BadSignature(DeskbellError):
    """It was not signed with our secret, or too long ago. Nothing of it was looked at."""

    http_status = HTTPStatus.UNAUTHORIZED
    type = "bad-signature"
    title = Phrase("The signature is not right")


class Signature(StrEnum):
    GITHUB = "github"
    GITLAB = "gitlab"
    SENTRY = "sentry"
    GRAFANA = "grafana"
    STANDARD = "standard-webhooks"
    FEISHU_BOT = "feishu-bot"
    HMAC = "hmac-sha256"


class SignatureEncoding(StrEnum):
    HEX = auto()
    BASE64 = auto()


@dataclass(frozen=True, slots=True)
class SignatureHeader:
    """Where a tool that signs the body with a plain HMAC puts it, and how it writes it."""

    name: str
    prefix: str = ""
    encoding: SignatureEncoding = SignatureEncoding.HEX


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """How a hook is signed, and with which secret."""

    signature: Signature
    secret: SecretStr
    timestamp_header: str | None = None  #: the name that was chosen in Grafana; without one it signs the body alone
    header: SignatureHeader | None = None  #: of `hmac-sha256` alone

    @property
    def stops_replays(self) -> bool:
        """Whether the sender gives each message an id of its own, and signs it."""
        return self.signature is Signature.STANDARD or self._is_signing_token

    @property
    def reads_body(self) -> bool:
        """Whether the signature stands in the body, which must be read before it is checked."""
        return self.signature is Signature.FEISHU_BOT

    def message_id(self, request: HookRequest) -> str:
        """The id of a message that `stops_replays`."""
        return request.headers.get(f"{self._family(request)}-id", "")

    def check_secret(self, where: str) -> None:
        """Raises BadInput for a secret that nothing can be signed with."""
        if not self.secret.get_secret_value():
            raise BadInput(where, Phrase("is empty"))
        if self.stops_replays:
            self._standard_key(where)

    def check(self, request: HookRequest, now_seconds: float) -> None:
        """Raises BadSignature."""
        match self.signature:
            case Signature.GITHUB:
                _compare(request, *self._of_forge(request))
            case Signature.GITLAB if not self._is_signing_token:
                _compare(request, "X-Gitlab-Token", self.secret.get_secret_value())
            case Signature.SENTRY:
                _compare(request, "Sentry-Hook-Signature", self._hex_hmac(request.body))
            case Signature.GRAFANA:
                _compare(
                    request, "X-Grafana-Alerting-Signature", self._hex_hmac(self._of_grafana(request, now_seconds))
                )
            case Signature.STANDARD | Signature.GITLAB:
                self._check_standard(request, now_seconds)
            case Signature.FEISHU_BOT:
                self._check_feishu_bot(request, now_seconds)
            case Signature.HMAC:
                self._check_hmac(request)

    @property
    def _is_signing_token(self) -> bool:
        return self.signature is Signature.GITLAB and self.secret.get_secret_value().startswith(_STANDARD_PREFIX)

    def _hex_hmac(self, signed: bytes) -> str:
        return hmac.new(self.secret.get_secret_value().encode(), signed, hashlib.sha256).hexdigest()

    def _of_forge(self, request: HookRequest) -> tuple[str, str]:
        """The header, and what should stand in it: older versions of GitHub's descendants have only their own."""
        own = next((name for name in _FORGES if name.lower() in request.headers), None)
        digest = self._hex_hmac(request.body)
        if own is None or _HUB.lower() in request.headers:
            return _HUB, f"sha256={digest}"
        return own, digest

    def _of_grafana(self, request: HookRequest, now_seconds: float) -> bytes:
        if self.timestamp_header is None:
            return request.body
        timestamp = _header(request, self.timestamp_header)
        _check_clock(timestamp, now_seconds)
        return timestamp.encode() + b":" + request.body

    def _check_feishu_bot(self, request: HookRequest, now_seconds: float) -> None:
        """The sign stands in the body, which so is read before anybody is known: but not much of it."""
        try:
            check_size(request.body, _SIGNED_BODY_BYTES)
            payload = request.json()
        except BadInput as error:
            raise BadSignature(Phrase("the body {problem}", problem=error.problem)) from None
        timestamp = str(payload.get("timestamp", ""))
        _check_clock(timestamp, now_seconds, _BOT_CLOCK_SECONDS)
        key = f"{timestamp}\n{self.secret.get_secret_value()}".encode()
        expected = base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest())
        if not hmac.compare_digest(str(payload.get("sign", "")).encode("utf-8", "replace"), expected):
            raise BadSignature(Phrase("sign does not match the secret and the timestamp"))

    def _check_hmac(self, request: HookRequest) -> None:
        if self.header is None:
            raise BadSignature(Phrase("no header is named in which the signature stands"))
        digest = hmac.new(self.secret.get_secret_value().encode(), request.body, hashlib.sha256).digest()
        is_hex = self.header.encoding is SignatureEncoding.HEX
        expected = self.header.prefix + (digest.hex() if is_hex else base64.b64encode(digest).decode())
        # PagerDuty signs with each of its secrets, and separates the signatures by commas.
        given = [each.strip() for each in _header(request, self.header.name).split(",")]
        if is_hex:  # whose digits some write large
            expected, given = expected.lower(), [each.lower() for each in given]
        if not any(hmac.compare_digest(each.encode(), expected.encode()) for each in given):
            raise BadSignature(_mismatch(self.header.name))

    def _family(self, request: HookRequest) -> str:
        """Svix names its headers after itself unless it is told otherwise."""
        is_svix = self.signature is Signature.STANDARD and "webhook-signature" not in request.headers
        return "svix" if is_svix and "svix-signature" in request.headers else "webhook"

    def _check_standard(self, request: HookRequest, now_seconds: float) -> None:
        family = self._family(request)
        id, timestamp = _header(request, f"{family}-id"), _header(request, f"{family}-timestamp")
        _check_clock(timestamp, now_seconds)
        signed = f"{id}.{timestamp}.".encode() + request.body
        expected = b"v1," + base64.b64encode(hmac.new(self._standard_key("secret"), signed, hashlib.sha256).digest())
        # While a secret is changed, a sender signs with both: one of them is ours.
        given = _header(request, f"{family}-signature").split(" ")
        if not any(hmac.compare_digest(each.encode(), expected) for each in given):
            raise BadSignature(_mismatch(f"{family}-signature"))

    def _standard_key(self, where: str) -> bytes:
        try:
            return signing_key(self.secret.get_secret_value())
        except ValueError as error:
            raise BadInput(where, phrase_in(error)) from None


def _compare(request: HookRequest, header: str, expected: str) -> None:
    if not hmac.compare_digest(_header(request, header).encode(), expected.encode()):
        raise BadSignature(_mismatch(header))


def _mismatch(header: str) -> Phrase:
    return Phrase("{header} does not match the secret", header=header)


def _header(request: HookRequest, name: str) -> str:
    try:
        return request.headers[name.lower()]
    except KeyError:
        raise BadSignature(Phrase("the header {name} is missing", name=name)) from None


def _check_clock(timestamp: str, now_seconds: float, most_seconds: int = _CLOCK_SECONDS) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        raise BadSignature(Phrase("the timestamp is not a number of seconds"))
    if abs(now_seconds - int(timestamp)) > most_seconds:
        text = Phrase("the timestamp is more than {most} seconds off this server's clock", most=most_seconds)
        raise BadSignature(text)
