"""The options after the `?` of DESKBELL_REDIS_URL: those of redis-py that every client accepts."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from ledger.phrases import Phrase, phrase_in

__all__ = ["read_options"]

#: Seconds that a timeout may have. Below one, an answer that waits for the disk would be given up; beyond a minute a
#: half-open connection holds its thread too long.
_TIMEOUT_SECONDS = (1, 60)
#: Idle seconds after which a connection is pinged.
_IDLE_SECONDS = (1, 3600)
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
_VERIFICATION = ("required", "optional", "none")
#: Options of redis-py's that are refused by name. Every other name may be a part of a password, and is not repeated.
_REFUSED = {
    "max_connections": Phrase("each thread has its own connection: set DESKBELL_CONCURRENCY"),
    "retry_on_timeout": Phrase("Deskbell decides what is retried"),
    "retry_on_error": Phrase("Deskbell decides what is retried"),
    "decode_responses": Phrase("Deskbell reads bytes"),
    "encoding": Phrase("Deskbell reads bytes"),
    "client_name": Phrase("it is DESKBELL_PREFIX"),
    "socket_read_size": Phrase("it is not a server setting"),
    "timeout": Phrase("use socket_timeout or socket_connect_timeout"),
    "virtual_host": Phrase("write db"),
    "ssl": Phrase("use rediss:// or sentinels://"),
    "ssl_ca_data": Phrase("name a file with ssl_ca_certs"),
    "ssl_min_version": Phrase("TLS 1.2 and newer are supported"),
}


def read_options(query: str, *, tls: bool, unix: bool) -> dict[str, Any]:
    """The options by redis-py's names, with their types. Raises ValueError, which repeats no value."""
    known = {**_PLAIN, **(_OF_TLS if tls else {})}
    if unix:
        del known["socket_keepalive"]
    options: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        _check_name(name, known, options)
        if not value:
            raise ValueError(Phrase("has no value for {name}", name=name))
        try:
            options[name] = known[name](value)
        except ValueError as error:
            raise ValueError(Phrase("{field}: {problem}", field=name, problem=phrase_in(error))) from None
    return options


def _check_name(name: str, known: Mapping[str, Any], seen: Mapping[str, Any]) -> None:
    if name in seen:
        raise ValueError(Phrase("gives {name} twice", name=name))
    if name in known:
        return
    if name in _REFUSED:
        raise ValueError(Phrase("remove {name}: {why}", name=name, why=_REFUSED[name]))
    if name in _OF_TLS:
        raise ValueError(Phrase("{name} is for TLS: use rediss:// or sentinels://", name=name))
    raise ValueError(Phrase("has an unknown option: use one of {names}", names=", ".join(known)))


def _database(text: str) -> int:
    return _between(text, 0, 2**31 - 1, Phrase("must be the number of a database"))


def _timeout(text: str) -> float:
    least, most = _TIMEOUT_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not least <= seconds <= most:
        raise ValueError(Phrase("must be from {least} to {most} seconds", least=least, most=most))
    return seconds


def _idle(text: str) -> int:
    least, most = _IDLE_SECONDS
    problem = Phrase("must be from {least} to {most} seconds, without a fraction", least=least, most=most)
    return _between(text, least, most, problem)


def _protocol(text: str) -> int:
    return _between(text, 2, 3, Phrase("must be 2 or 3"))


def _between(text: str, least: int, most: int, problem: Phrase) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise ValueError(problem)
    return int(text)


def _yes_or_no(text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise ValueError(Phrase("must be true or false"))
    return text.lower() in _YES


def _verification(text: str) -> str:
    """`CERT_REQUIRED` is how Celery writes it."""
    word = text.lower().removeprefix("cert_")
    if word not in _VERIFICATION:
        raise ValueError(
            Phrase("must be {first} or {last}", first=", ".join(_VERIFICATION[:-1]), last=_VERIFICATION[-1])
        )
    return word


def _file(text: str) -> str:
    try:
        Path(text).open("rb").close()
    except (OSError, ValueError) as error:
        raise ValueError(Phrase("names a file that cannot be read ({problem})", problem=type(error).__name__)) from None
    return text


def _folder(text: str) -> str:
    if not Path(text).is_dir():
        raise ValueError(Phrase("is not a directory"))
    return text


_PLAIN: dict[str, Callable[[str], Any]] = {
    "db": _database,
    "username": str,
    "password": str,
    "socket_timeout": _timeout,
    "socket_connect_timeout": _timeout,
    "socket_keepalive": _yes_or_no,
    "health_check_interval": _idle,
    "protocol": _protocol,
}
_OF_TLS: dict[str, Callable[[str], Any]] = {
    "ssl_ca_certs": _file,
    "ssl_ca_path": _folder,
    "ssl_cert_reqs": _verification,
    "ssl_check_hostname": _yes_or_no,
    "ssl_certfile": _file,
    "ssl_keyfile": _file,
    "ssl_password": str,
    "ssl_ciphers": str,
}
