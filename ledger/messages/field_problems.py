"""What pydantic finds wrong with a field, in our words: one table for every way in."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

from ledger.phrases import Phrase, phrase_in, said

__all__ = ["field_problem"]

#: By pydantic's type of the error; values in braces are of its context.
_PROBLEMS = {
    "missing": Phrase("is missing"),
    "extra_forbidden": Phrase("is not a known field"),
    "string_type": Phrase("must be a string"),
    "string_too_long": Phrase("must have at most {max_length:,} characters"),
    "string_pattern_mismatch": Phrase("is not written as it must be: see the reference"),
    "string_unicode": Phrase("contains half of a surrogate pair, which is not a character"),
    "bool_type": Phrase("must be true or false"),
    "bool_parsing": Phrase("must be true or false"),
    "int_type": Phrase("must be a whole number"),
    "int_parsing": Phrase("must be a whole number"),
    "int_parsing_size": Phrase("has too many digits"),
    "int_from_float": Phrase("must be a whole number"),
    "float_type": Phrase("must be a number"),
    "float_parsing": Phrase("must be a number"),
    "finite_number": Phrase("must be a number"),
    "greater_than_equal": Phrase("must be {ge} or more"),
    "greater_than": Phrase("must be more than {gt}"),
    "less_than_equal": Phrase("must be {le} or less"),
    "less_than": Phrase("must be less than {lt}"),
    "list_type": Phrase("must be a list"),
    "tuple_type": Phrase("must be a list"),
    "set_type": Phrase("must be a list"),
    "frozen_set_type": Phrase("must be a list"),
    "too_short": Phrase("must have at least {min_length:,} items"),
    "too_long": Phrase("must have at most {max_length:,} items"),
    "dict_type": Phrase("must be an object"),
    "mapping_type": Phrase("must be an object"),
    "model_type": Phrase("must be an object"),
    "model_attributes_type": Phrase("must be an object"),
    "path_type": Phrase("must be the path of a file"),
    "datetime_type": Phrase("must be a time such as 2026-11-30T09:00+08:00"),
    "datetime_parsing": Phrase("must be a time such as 2026-11-30T09:00+08:00"),
    "datetime_from_date_parsing": Phrase("must be a time such as 2026-11-30T09:00+08:00"),
    "datetime_object_invalid": Phrase("must be a time such as 2026-11-30T09:00+08:00"),
    "time_delta_type": Phrase("must be a duration: 90s, 15m, 24h or 30d"),
    "time_delta_parsing": Phrase("must be a duration: 90s, 15m, 24h or 30d"),
    "json_type": Phrase("must be JSON"),
    "json_invalid": Phrase("must be JSON"),
}
_EMPTY = Phrase("must not be empty")
_ONE_OF = ("enum", "literal_error")


def field_problem(error: ErrorDetails) -> Phrase:
    """Repeats no value. Errors of our own validators keep their words, and the phrase that they were made with."""
    context: Mapping[str, Any] = error.get("ctx", {})
    if error["type"] == "value_error":
        return phrase_in(context["error"])
    if error["type"] in _ONE_OF:
        return _one_of(str(context["expected"]))
    if error["type"] in ("string_too_short", "too_short") and context["min_length"] == 1:
        return _EMPTY
    if known := _PROBLEMS.get(error["type"]):
        return Phrase(known.template, **context)
    own = context.get("problem")  # of a PydanticCustomError that is nothing but a phrase
    return own if isinstance(own, Phrase) else said(error["msg"].replace("Input should be", "must be"))


def _one_of(expected: str) -> Phrase:
    """`expected` is pydantic's list: `'chat' or 'user'`."""
    others, _, last = expected.rpartition(" or ")
    if not others:
        return Phrase("must be {only}", only=last)
    return Phrase("must be {first} or {last}", first=others, last=last)
