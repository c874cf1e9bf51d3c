"""A value that is not there, for templates whose values come from somebody else: it fails only where it is shown."""

from typing import Any, NoReturn, Self

from jinja2 import Undefined

__all__ = ["Absent"]


class Absent(Undefined):
    """Its parts, calls and sums are absent, too; it is false, empty, and equal to nothing.

    So `payload.a.b|default("x")` needs no `a`, and a condition on a part that is not there does not hold. `str` raises
    UndefinedError with the name of the first part that was missed.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Self:
        if name.startswith("__"):  # Python asks for these, and takes what it gets
            raise AttributeError(name)
        return self

    def _itself(self, *_: Any, **__: Any) -> Self:
        return self

    def _never(self, _: object) -> bool:
        return False

    def __str__(self) -> NoReturn:
        self._fail_with_undefined_error()

    def __ne__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return id(self)

    # The base class has functions that always raise in these places.
    __getitem__ = __call__ = __neg__ = __pos__ = _itself  # type: ignore[assignment]
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __rmod__ = _itself  # type: ignore[assignment]
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _itself  # type: ignore[assignment]
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _never  # type: ignore[assignment]
