"""Faults on order: rules that say which calls fail, how often, and how.

    {"match": {"prefix": "ou_slow", "share": 0.05}, "times": 2, "per_receiver": true,
     "do": {"delay_ms": 200, "cut": "after"}}

`{"match": {"path": "department_children", "id": "od-x"}, "do": {"code": 43010}}` gives a documented error by its code
alone. Without `path` a rule is about message calls. The first rule that matches and has `times` left applies.
Rules see only calls that passed the gateway's checks of token and rate: refused calls have already failed.
"""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

from sandbox.answers import Answer, Manner, html_page, json_answer
from sandbox.calls import Call
from sandbox.contacts.refusals import BY_CODE as CONTACT_CODES
from sandbox.refusals import BY_CODE, over_rate

__all__ = ["DEMO_RULES", "FaultBook", "Rule", "parse_rule"]

#: The faults of a demo.
DEMO_RULES: tuple[dict[str, Any], ...] = (
    {
        "match": {"prefix": "ou_flaky"},
        "times": 2,
        "per_receiver": True,
        "do": {"answer": {"status": 500, "code": 155000, "msg": "Internal error"}},
    },
    {"match": {"prefix": "ou_cut"}, "times": 1, "per_receiver": True, "do": {"cut": "after"}},
)

_MATCH_KEYS = {"receiver_id": str, "prefix": str, "receive_type": str, "path": str, "id": str, "share": (int, float)}
_DO_KEYS = {
    "answer": dict,
    "code": int,
    "delay_ms": (int, float),
    "cut": str,
    "truncate": bool,
    "html": int,
    "html_delivered": int,
    "expire_token": bool,
    "empty": int,
    "drip_ms": (int, float),
}
_RULE_KEYS = {"match": dict, "times": (int, type(None)), "per_receiver": bool, "do": dict}
_ANSWER_KEYS = {"status": int, "code": int, "msg": str, "headers": dict}
_KINDS = frozenset(
    {"message", "token", "tickets", "images", "subscribe", "start_service", "read_users"}
    | {"users", "user", "users_batch", "department_users", "department", "department_children", "departments_batch"}
    | {"groups", "group", "group_members", "member_groups", "scopes"}
)
_LIMIT = over_rate(1000, 1)
#: The errors that `do.code` knows: of the contact API, of the helpdesk and of messages, and the limit on calls.
_CODES = {**BY_CODE, **CONTACT_CODES, _LIMIT.code: _LIMIT}
_CUTS = {"before": Manner.RESET, "after": Manner.CLOSE, "headers": Manner.HEAD_ONLY}


@dataclass(slots=True)
class Rule:
    """One fault. `spec` is the rule as ordered, checked by `parse_rule`."""

    spec: dict[str, Any]
    name: str
    delay_seconds: float
    used: Counter[str] = field(default_factory=Counter)

    def matches(self, call: Call, rng: random.Random) -> bool:
        match = self.spec.get("match", {})
        receiver = call.receiver_id or ""
        return (
            call.kind in match.get("path", "message").split("|")
            and match.get("receiver_id", receiver) == receiver
            and receiver.startswith(match.get("prefix", ""))
            and match.get("receive_type", call.receive_type) == call.receive_type
            and ("id" not in match or match["id"] in _ids(call))
            and self._has_times_left(receiver)
            and ("share" not in match or rng.random() < match["share"])
        )

    def take(self, call: Call) -> None:
        self.used[self._counted_under(call.receiver_id or "")] += 1

    @property
    def stands_in(self) -> bool:
        """Whether the fault answers in place of the API, so that nothing is delivered."""
        do = self.spec["do"]
        return do.get("cut") == "before" or not do.keys().isdisjoint(("answer", "code", "html", "expire_token"))

    @property
    def expires_tokens(self) -> bool:
        return bool(self.spec["do"].get("expire_token"))

    def instead(self) -> Answer:
        """The answer of a fault that `stands_in`, other than an expired token."""
        do = self.spec["do"]
        if "html" in do:
            return html_page(do["html"])
        if "code" in do:
            return _coded_answer(do["code"])
        if "answer" in do:
            return _ordered_answer(do["answer"])
        return Answer(502, b"", manner=Manner.RESET)

    def spoiled(self, answer: Answer) -> Answer:
        """The API's own answer, spoiled by this fault."""
        do = self.spec["do"]
        if "html_delivered" in do:
            return html_page(do["html_delivered"])
        if "empty" in do:
            return Answer(do["empty"], b"")
        if do.get("truncate"):
            return replace(answer, manner=Manner.HALF)
        if "drip_ms" in do:
            return replace(answer, manner=Manner.DRIP, drip_seconds=do["drip_ms"] / 1000)
        if "cut" in do:
            return replace(answer, manner=_CUTS[do["cut"]])
        return answer

    def _has_times_left(self, receiver: str) -> bool:
        times = self.spec.get("times")
        return times is None or self.used[self._counted_under(receiver)] < times

    def _counted_under(self, receiver: str) -> str:
        return receiver if self.spec.get("per_receiver") else ""


class FaultBook:
    """The rules in force. `standing` rules come last and survive `clear`."""

    def __init__(self, rng: random.Random, standing: Iterable[dict[str, Any]] = ()) -> None:
        self._rng = rng
        self._ordered: list[Rule] = []
        self._standing = [parse_rule(spec) for spec in standing]

    def add(self, rules: Iterable[Rule]) -> None:
        self._ordered.extend(rules)

    def clear(self) -> None:
        self._ordered.clear()

    def take(self, call: Call) -> Rule | None:
        """The rule that applies to this call, counted as used, or None."""
        for rules in (self._ordered, self._standing):
            for rule in rules:
                if rule.matches(call, self._rng):
                    rule.take(call)
                    return rule
        return None

    def listed(self) -> list[dict[str, Any]]:
        """The rules as ordered, each with its number of uses."""
        return [rule.spec | {"used": rule.used.total()} for rule in self._ordered + self._standing]


def parse_rule(spec: Any) -> Rule:
    """Raises ValueError saying what is wrong with the rule."""
    _check_keys("rule", spec, _RULE_KEYS)
    do = spec.get("do")
    if not do:
        raise ValueError("rule: 'do' must say what goes wrong")
    _check_keys("do", do, _DO_KEYS)
    _check_keys("match", spec.get("match", {}), _MATCH_KEYS)
    _check_keys("do.answer", do.get("answer", {}), _ANSWER_KEYS)
    if not _KINDS.issuperset(spec.get("match", {}).get("path", "message").split("|")):
        raise ValueError(f"match.path must be one of {', '.join(sorted(_KINDS))}, or several joined by '|'")
    if "code" in do and do["code"] not in _CODES:
        raise ValueError(f"do.code must be one of {', '.join(map(str, sorted(_CODES)))}; do.answer takes any")
    if do.get("cut", "after") not in _CUTS:
        raise ValueError(f"do.cut must be one of {', '.join(_CUTS)}")
    name = ",".join(f"{key}={_short(value)}" for key, value in do.items())
    return Rule(spec, name, delay_seconds=do.get("delay_ms", 0) / 1000)


def _check_keys(where: str, value: Any, kinds: dict[str, Any]) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be an object")
    for key, part in value.items():
        if key not in kinds:
            raise ValueError(f"{where}.{key} is not known; known are {', '.join(kinds)}")
        if not isinstance(part, kinds[key]):
            raise ValueError(f"{where}.{key} has the wrong type")


def _short(value: Any) -> str:
    return f"{value.get('status', 200)}/{value.get('code', 0)}" if isinstance(value, dict) else str(value)


def _ids(call: Call) -> set[str]:
    """What the path and the query name."""
    values = (value for values in parse_qs(call.query).values() for value in values)
    return {*call.path.split("/"), *values}


def _coded_answer(code: int) -> Answer:
    refusal = _CODES[code]
    answer = json_answer({"code": code, "msg": refusal.msg}, status=refusal.status, code=code)
    return replace(answer, headers=refusal.headers)


def _ordered_answer(spec: dict[str, Any]) -> Answer:
    status, code = spec.get("status", 200), spec.get("code", 0)
    answer = json_answer({"code": code, "msg": spec.get("msg", "")}, status=status, code=code)
    return replace(answer, headers=tuple((str(name), str(value)) for name, value in spec.get("headers", {}).items()))
