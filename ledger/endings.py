"""How a call ended that brought no answer of Feishu's, or whose end nobody saw.

A record keeps it in English words, which older versions show as they are. The set is closed: what else stands there is
Feishu's, and stands as it is in every language.
"""

from enum import StrEnum

from ledger.phrases import Phrase, said

__all__ = ["HAD_LEFT", "Ending", "ending_of", "told_ending"]

#: Of a call that may have been executed: before how it ended.
HAD_LEFT = "the whole request had left, then: "


class Ending(StrEnum):
    """`told` is it for people."""

    told: Phrase

    def __new__(cls, told: Phrase) -> "Ending":
        member = str.__new__(cls, told)
        member._value_, member.told = str(told), told
        return member

    # Of the HTTP exchange (http_client/errors.py).
    PROXY_FAILED = Phrase("proxy failed")
    NAME_NOT_FOUND = Phrase("name not found")
    REFUSED = Phrase("connect refused")
    NOT_CONNECTED = Phrase("not connected")
    CONNECT_TIMED_OUT = Phrase("connect timed out")
    GARBLED = Phrase("garbled")
    TRUNCATED = Phrase("truncated")
    TOO_LONG = Phrase("too long")
    TIMED_OUT = Phrase("timed out")
    TLS_FAILED = Phrase("TLS failed")
    CUT = Phrase("cut")
    NOT_HTTP = Phrase("not HTTP")
    WRONG_ADDRESS = Phrase("wrong address")
    # Of an answer that cannot be read (feishu/verdict.py), or lacks what was asked for.
    EMPTY = Phrase("empty")
    NOT_JSON = Phrase("not JSON")
    NO_CODE = Phrase("no code")
    UNEXPECTED = Phrase("unexpected answer")
    # Of a notification whose worker or record was lost (sweep.lua, records.lua).
    WORKER_LOST = Phrase("the worker was lost while it held the notification")
    DAMAGED = Phrase("its record was damaged: whether it was sent is not known")
    # Of one that no call was made for (feishu/images.py).
    IMAGE_GONE = Phrase("the ledger no longer has its image")


_BY_WORDS = {ending.value: ending for ending in Ending}


def ending_of(words: str) -> Ending | None:
    """None for any other text."""
    return _BY_WORDS.get(words.removeprefix(HAD_LEFT))


def told_ending(words: str) -> Phrase:
    """What a record says of an attempt, for people."""
    ending = ending_of(words)
    told = ending.told if ending else said(words.removeprefix(HAD_LEFT))
    if words.startswith(HAD_LEFT):
        return Phrase("the whole request had left, then: {ending}", ending=told)
    return told
