"""Of many cases that are alike a few at once; the others are slow tests, which `make chaos` runs."""

import os
from collections.abc import Iterable
from typing import Any

import pytest

__all__ = ["TIMES", "few"]

#: How many times the usual number of examples Hypothesis tries: for a longer hunt.
TIMES = int(os.environ.get("EXAMPLES_TIMES", "1"))


def few(cases: Iterable[Any], *, one_in: int) -> list[Any]:
    """For `parametrize`: the first of each `one_in`, and the rest marked. A case of several arguments is a tuple."""
    return [case if number % one_in == 0 else _slow(case) for number, case in enumerate(cases)]


def _slow(case: Any) -> Any:
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
