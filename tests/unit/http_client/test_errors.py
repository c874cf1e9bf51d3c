"""Every exception of `requests` has its place, and none can pass for another outcome."""

import inspect
from http.client import IncompleteRead, RemoteDisconnected
from typing import Any

import pytest
import requests.exceptions
import urllib3.exceptions as below

from http_client.errors import UNSENDABLE, MaybeSent, NeverSent, Unsendable, translated
from tests.all_of import all_of

#: Judged by what had left when they were raised.
BY_THE_WIRE: tuple[type[Exception], ...] = (
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ConnectTimeout,
    requests.exceptions.ConnectionError,
    requests.exceptions.ContentDecodingError,
    requests.exceptions.HTTPError,
    requests.exceptions.InvalidJSONError,
    requests.exceptions.JSONDecodeError,
    requests.exceptions.ProxyError,
    requests.exceptions.ReadTimeout,
    requests.exceptions.RequestException,
    requests.exceptions.RetryError,
    requests.exceptions.SSLError,
    requests.exceptions.StreamConsumedError,
    requests.exceptions.Timeout,
    requests.exceptions.TooManyRedirects,
    requests.exceptions.UnrewindableBodyError,
)


def exceptions_of_requests() -> set[type]:
    """What `requests.exceptions` defines itself; warnings are no exceptions that it raises."""
    return {
        thing
        for _, thing in inspect.getmembers(requests.exceptions, inspect.isclass)
        if issubclass(thing, requests.exceptions.RequestException)
    }


def test_every_exception_of_requests_is_mapped() -> None:
    assert exceptions_of_requests() == {
        kind for kind in (*UNSENDABLE, *BY_THE_WIRE) if kind.__module__.startswith("requests")
    }


def test_none_is_mapped_twice() -> None:
    assert not set(UNSENDABLE) & set(BY_THE_WIRE)


@pytest.mark.parametrize("kind", UNSENDABLE)
def test_a_wrong_address_is_for_the_settings(kind: type[Exception]) -> None:
    assert type(translated(kind("x"), whole_request_left=False)) is Unsendable


@all_of("kind", BY_THE_WIRE)
def test_the_others_are_judged_by_what_had_left(kind: type[Exception]) -> None:
    error = kind("x", "y", 0) if kind is requests.exceptions.JSONDecodeError else kind("x")
    assert type(translated(error, whole_request_left=False)) is NeverSent
    assert type(translated(error, whole_request_left=True)) is MaybeSent


@all_of("kind", [*UNSENDABLE, *BY_THE_WIRE])
def test_no_type_makes_a_request_unsent_that_left_whole(kind: type[Exception]) -> None:
    error = kind("x", "y", 0) if kind is requests.exceptions.JSONDecodeError else kind("x")
    assert type(translated(error, whole_request_left=True)) is MaybeSent


def wrapped(reason: Exception) -> requests.exceptions.ConnectionError:
    pool: Any = None
    return requests.exceptions.ConnectionError(below.MaxRetryError(pool, "/", reason))


def caused_by(outer: Exception, cause: Exception) -> Exception:
    outer.__cause__ = cause
    return outer


NOBODY: Any = None


@pytest.mark.parametrize(
    ("error", "how"),
    [
        (
            wrapped(caused_by(below.NewConnectionError(NOBODY, "x"), ConnectionRefusedError(111, "x"))),
            "connect refused",
        ),
        (wrapped(below.NewConnectionError(NOBODY, "unreachable")), "not connected"),
        (wrapped(below.ConnectTimeoutError(NOBODY, "x")), "connect timed out"),
        (wrapped(below.SSLError("x")), "TLS failed"),
        (wrapped(below.ProxyError("x", OSError("Tunnel connection failed: 407"))), "proxy failed"),
        (requests.exceptions.ReadTimeout(below.ReadTimeoutError(NOBODY, "/", "x")), "timed out"),
        (requests.exceptions.ConnectionError(below.ProtocolError("x", RemoteDisconnected("x"))), "cut"),
        (requests.exceptions.ConnectionError(below.ProtocolError("x", ConnectionResetError(104, "x"))), "cut"),
        (requests.exceptions.ChunkedEncodingError(below.ProtocolError("x", IncompleteRead(b"", 3))), "truncated"),
        (requests.exceptions.ContentDecodingError(below.DecodeError("x")), "garbled"),
        (requests.exceptions.RequestException("https://u:secret@host"), "broken (RequestException)"),
    ],
)
def test_how_it_ended_is_read_from_the_innermost_cause(error: Exception, how: str) -> None:
    assert translated(error, whole_request_left=True).how == how
