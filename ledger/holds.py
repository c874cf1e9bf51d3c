"""Why a desk is held, as the ledger keeps it: in English for versions that read nothing else, and as a phrase."""

from typing import Any

import orjson

from ledger.damage import whole
from ledger.phrases import Phrase, as_phrase, phrase_json, phrase_of

__all__ = ["reason_kept", "whole_hold"]

#: What the verb `record` writes, which has no phrase of it.
_BY_WORDS = {str(reason): reason for reason in (Phrase("the API does not answer, or answers with errors"),)}


def reason_kept(reason: str) -> bytes:
    """For the verbs, beside its English: what `whole_hold` reads again."""
    return orjson.dumps(as_phrase(reason), default=phrase_json, option=orjson.OPT_PASSTHROUGH_SUBCLASS)


def whole_hold(kept: bytes | None) -> dict[str, Any] | None:
    """A desk's hold, if any. A damaged one has no effect, in the verbs too."""
    return whole("a hold", _hold, kept) if kept else None


def _hold(kept: bytes) -> dict[str, Any]:
    hold: dict[str, Any] = orjson.loads(kept)
    kind, since, until = hold["kind"], hold["since"] + 0, hold["until"] + 0
    return {**hold, "kind": kind, "reason": _reason(hold), "since": since, "until": until}


def _reason(hold: dict[str, Any]) -> str:
    if hold.get("phrase"):
        return phrase_of(orjson.loads(hold["phrase"]))
    reason = str(hold["reason"])
    return _BY_WORDS.get(reason, reason)
