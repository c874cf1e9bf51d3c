"""Tenant access tokens: access, lifetime and renewal."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.answers import RefusalError
from sandbox.refusals import APP_SECRET_WRONG, INVALID_PARAM

__all__ = ["Tokens"]

#: Feishu returns the same token until it has less than this left, then a new one beside it.
_SAME_TOKEN_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    app_id: str
    ends_at: float


class Tokens:
    """The tokens of all apps. For lifetimes other than two hours, the 30 minutes become a quarter of the lifetime."""

    def __init__(self, secrets_by_app: Mapping[str, str], life_seconds: float, clock: Callable[[], float]) -> None:
        self._secrets = secrets_by_app
        self._life_seconds = life_seconds
        self._renew_below_seconds = min(_SAME_TOKEN_SECONDS, life_seconds / 4)
        self._clock = clock
        self._latest: dict[str, _Token] = {}
        self._valid: dict[str, _Token] = {}

    def grant(self, app_id: object, app_secret: object) -> tuple[str, int]:
        """The token and its remaining whole seconds. Raises RefusalError for wrong credentials."""
        if not isinstance(app_id, str) or app_id not in self._secrets or not app_secret:
            raise RefusalError(INVALID_PARAM)
        if app_secret != self._secrets[app_id]:
            raise RefusalError(APP_SECRET_WRONG)
        now = self._clock()
        token = self._latest.get(app_id)
        if token is None or token.ends_at - now < self._renew_below_seconds:
            token = self._make(app_id, now)
        return token.text, round(token.ends_at - now)

    def app_of(self, text: str) -> str | None:
        """The app of a token; None if the token is unknown or expired."""
        token = self._valid.get(text)
        if token is None or token.ends_at <= self._clock():
            return None
        return token.app_id

    def expire_all(self) -> None:
        self._latest.clear()
        self._valid.clear()

    def _make(self, app_id: str, now: float) -> _Token:
        token = _Token("t-" + secrets.token_hex(20), app_id, now + self._life_seconds)
        self._valid = {text: known for text, known in self._valid.items() if known.ends_at > now}
        self._latest[app_id] = self._valid[token.text] = token
        return token
