"""`deskbell` is the one public place: these names, and no others."""

from types import ModuleType

import pytest

import deskbell
import producers
from tests.all_of import all_of

__all__: list[str] = []


def test_the_public_names_are_these() -> None:
    assert deskbell.__all__ == [
        "Accepted",
        "Announced",
        "AnnouncementArguments",
        "AnnouncementHandle",
        "AnnouncementState",
        "AnnouncementStatus",
        "BadInput",
        "Changed",
        "DeskbellError",
        "EventArguments",
        "FeishuFailed",
        "Forbidden",
        "KeyReused",
        "LedgerFull",
        "LedgerUnreachable",
        "LedgerUnwritable",
        "Message",
        "NotAllowed",
        "NotDurable",
        "NotFound",
        "NotPermitted",
        "Notifier",
        "Outcome",
        "Record",
        "RowResult",
        "State",
        "Unauthorized",
        "WrongVersion",
    ]


def test_nothing_else_is_in_it() -> None:
    names = {name for name, value in vars(deskbell).items() if not isinstance(value, ModuleType)}
    assert {name for name in names if not name.startswith("__")} == set(deskbell.__all__)


@all_of("name", deskbell.__all__)
def test_each_public_name_says_what_it_is(name: str) -> None:
    assert getattr(deskbell, name).__doc__


@all_of("name", sorted(set(deskbell.__all__) - {"DeskbellError"}))
def test_every_error_is_a_deskbell_error(name: str) -> None:
    kind = getattr(deskbell, name)
    assert not issubclass(kind, Exception) or issubclass(kind, deskbell.DeskbellError)


def test_programs_that_import_from_producers_go_on_as_they_are() -> None:
    assert all(getattr(producers, name) is getattr(deskbell, name) for name in deskbell.__all__)
    with pytest.raises(ImportError):
        exec("from producers import NoSuchName")
