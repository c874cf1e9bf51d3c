"""YAML's notation for JSON's values, so that what looks like text is text.

In YAML 1.1 `12:30` is the number 750, `no` is false and `2026-11-22` is a date. Only true, false, null and JSON's
numbers are taken for something else than text here. Aliases are refused, since a few lines of them can stand for
gigabytes, and so are tags, since JSON has no use for them.

It is built from the parser's events as they come: libyaml's where it is there, which takes a fifth of the time.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from ledger.messages.strict_json import object_of

__all__ = ["json_in_yaml"]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Lists and objects within each other. PyYAML's own parser looks at each of the open ones at every token.
_DEEPEST_LEVEL = 150
#: How a value that stands without quotes is written, and what reads it.
_PLAIN: tuple[tuple[re.Pattern[str], Callable[[str], object]], ...] = (
    (re.compile(r"true|false"), lambda text: text == "true"),
    (re.compile(r"null|~|"), lambda _: None),
    (re.compile(r"-?(?:0|[1-9][0-9]*)"), int),
    (re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"), float),
)


def json_in_yaml(text: str) -> object:
    """Raises yaml.YAMLError, NameTwiceError, RecursionError, and ValueError for a number of too many digits."""
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
    found: list[object] = []
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            if found:
                raise _refused("it contains more than one document", event)
            found.append(_value(next(events), events, 0))
    return found[0] if found else None


def _value(event: yaml.Event, events: Iterator[yaml.Event], level: int) -> object:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) is not None:
        raise _refused("aliases (*name) and tags (!name) are not allowed", event)
    if level > _DEEPEST_LEVEL:
        raise RecursionError
    match event:
        case yaml.ScalarEvent():
            return _scalar(event)
        case yaml.SequenceStartEvent():
            return [_value(item, events, level + 1) for item in _until(yaml.SequenceEndEvent, events)]
    pairs = [
        (_key(key, events), _value(next(events), events, level + 1)) for key in _until(yaml.MappingEndEvent, events)
    ]
    return object_of(pairs)


def _until(end: type[yaml.Event], events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    while not isinstance(event := next(events), end):
        yield event


def _key(event: yaml.Event, events: Iterator[yaml.Event]) -> object:
    if isinstance(event, yaml.CollectionStartEvent):
        raise _refused("a list or an object is the key of a value", event)
    return _value(event, events, 0)


def _scalar(event: yaml.ScalarEvent) -> object:
    """What is quoted is text."""
    text: str = event.value
    if event.implicit[0]:
        for written, read in _PLAIN:
            if written.fullmatch(text):
                return read(text)
    return text


def _refused(problem: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    mark: Any = event.start_mark  # libyaml's are of another class, with the same fields
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
