"""Many small cases as one test: pytest takes milliseconds for each test, however little it does."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import pytest

__all__ = ["all_of"]


def all_of(
    names: str | Sequence[str], cases: Iterable[Any], *, ids: Callable[[Any], str] | Iterable[str] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """In place of `pytest.mark.parametrize`, where a case changes nothing that the next one finds.

    All cases are tried. Each that fails is told with its traceback, and with which one it is.
    """
    given = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    told = _told(list(cases), ids)

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @wraps(test)
        def try_all(**fixtures: Any) -> None:
            failed = [error for name, case in told if (error := _error_of(test, name, given, case, fixtures))]
            if failed:
                raise BaseExceptionGroup(f"{len(failed)} of {len(told)} cases failed", failed)

        signature = inspect.signature(test)
        others = [each for name, each in signature.parameters.items() if name not in given]
        try_all.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        assert told, "there must be cases"
        return try_all

    return decorate


def _told(cases: list[Any], ids: Callable[[Any], str] | Iterable[str] | None) -> list[tuple[str, Any]]:
    if ids is None:
        return [(repr(case)[:300], case) for case in cases]
    if callable(ids):
        return [(ids(case), case) for case in cases]
    return [(str(name), case) for case, name in zip(cases, ids, strict=False)]  # they may count on for ever


def _error_of(
    test: Callable[..., None], name: str, names: list[str], case: Any, fixtures: dict[str, Any]
) -> BaseException | None:
    values = [case] if len(names) == 1 else list(case)
    try:
        test(**dict(zip(names, values, strict=True)), **fixtures)
    except (Exception, pytest.fail.Exception) as error:
        error.add_note(f"the case: {name}")
        return error
    return None
