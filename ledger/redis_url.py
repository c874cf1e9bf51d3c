"""The Redis that DESKBELL_REDIS_URL names, read once by redis-py's rules: its clients and Celery's get these parts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from types import MappingProxyType
from typing import Any, NoReturn, Self
from urllib.parse import quote, unquote

from redis.connection import parse_url

from ledger.errors import BadInput
from ledger.phrases import Phrase, phrase_in
from ledger.redis_options import read_options

__all__ = ["VARIABLE", "Address", "RedisUrl", "written_address"]

VARIABLE = "DESKBELL_REDIS_URL"
#: (host, port); an IPv6 host without its brackets.
Address = tuple[str, int]

_TLS = {"redis": False, "rediss": True, "unix": False, "sentinel": False, "sentinels": True}
_REDIS_PORT, _SENTINEL_PORT = 6379, 26379
_WRITTEN = re.compile(r"(?P<scheme>[a-z]+)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>.*)", re.DOTALL)
_DATABASE = re.compile(r"/?([0-9]{0,9})/?")
_ADDRESS = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<name>[\w.-]+))(?::(?P<port>[0-9]{0,5}))?")
_MUST_BE_ESCAPED = Phrase(
    "has a character in its password that must be escaped: write # as %23, / as %2F, ? as %3F, [ as %5B, ] as %5D,"
    " @ as %40, a space as %20, others likewise"
)


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """The parts of a Redis URL. As text it has no secret, and never the original URL."""

    scheme: str
    addresses: tuple[Address, ...] = ()  #: of the server, or of its sentinels
    path: str = ""  #: of a unix socket
    service: str = ""  #: what the sentinels call the primary
    db: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)  #: of redis-py

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses a URL. Raises BadInput, which repeats only known names."""
        written = _WRITTEN.fullmatch(text)
        if written is None or written["scheme"] not in _TLS:
            _refuse(Phrase("must begin with redis://, rediss://, unix://, sentinel:// or sentinels://"))
        credentials, _, hosts = written["authority"].rpartition("@")
        _check_escapes(text, credentials, written["path"] + written["query"])
        unix = written["scheme"] == "unix"
        try:
            options = read_options(written["query"][1:], tls=_TLS[written["scheme"]], unix=unix)
        except ValueError as error:
            _refuse(phrase_in(error))
        _check_credentials(credentials, options)
        where = _WHERE[written["scheme"]](hosts, written["path"])
        return cls(written["scheme"], **{**where, **_by_redis_py(credentials, written["query"], where, options)})

    @classmethod
    def of_socket(cls, path: str) -> Self:
        return cls("unix", path=path)

    @property
    def tls(self) -> bool:
        return _TLS[self.scheme]

    @property
    def arguments(self) -> dict[str, Any]:
        """redis-py's arguments for a connection, with the password; not for sentinels."""
        where: dict[str, Any] = {"path": self.path} if self.path else {}
        if self.addresses and not self.service:
            where["host"], where["port"] = self.addresses[0]
        given = {"db": self.db, "username": self.username, "password": self.password}
        return {**where, **{name: value for name, value in given.items() if value is not None}, **self.options}

    @property
    def tls_options(self) -> dict[str, Any]:
        """Those of the options that are about TLS."""
        return {name: value for name, value in self.options.items() if name.startswith("ssl_")}

    def __str__(self) -> str:
        if self.path:
            return f"unix://{quote(self.path)}" + (f"?db={self.db}" if self.db else "")
        hosts = ",".join(map(written_address, self.addresses))
        return "/".join(part for part in (f"{self.scheme}://{hosts}", quote(self.service), str(self.db)) if part)


def written_address(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _refuse(problem: Phrase) -> NoReturn:
    raise BadInput(VARIABLE, problem)


def _check_escapes(text: str, credentials: str, rest: str) -> None:
    """An unescaped character ends the password early, or is silently dropped (a tab, by urllib)."""
    if "@" in rest or "#" in rest or {"[", "]"} & set(credentials) or not text.isprintable() or " " in text:
        _refuse(_MUST_BE_ESCAPED)


def _check_credentials(credentials: str, options: Mapping[str, Any]) -> None:
    """A user without a password is nearly always a password in the wrong place."""
    user, colon, password = credentials.partition(":")
    if (user and "username" in options) or (password and "password" in options):
        _refuse(Phrase("gives the user or the password twice"))
    if user and not colon and "password" not in options:
        _refuse(
            Phrase(
                "names a user but no password: use :PASSWORD@ for a password alone, USER:@ for a user without a"
                " password"
            )
        )


def _by_redis_py(credentials: str, query: str, where: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """User, password, database and options, as redis-py parses them from this user part and query."""
    try:
        found = parse_url(f"redis://{credentials}@localhost{query}")  # type: ignore[no-untyped-call]
    except ValueError:  # of urllib, which repeats the password: a letter that looks like / or @, for instance
        _refuse(_MUST_BE_ESCAPED)
    if "db" in options and where.get("db", options["db"]) != options["db"]:
        _refuse(Phrase("names two databases"))
    others = {name: value for name, value in options.items() if name not in ("db", "username", "password")}
    return {
        "db": options.get("db", where.get("db", 0)),
        "username": found.get("username"),
        "password": found.get("password"),
        "options": MappingProxyType(others),
    }


def _of_server(hosts: str, path: str) -> dict[str, Any]:
    address = _address(hosts, _REDIS_PORT) if hosts else ("localhost", _REDIS_PORT)
    return {"addresses": (address,), **_database(path, "redis://host:6379/0")}


def _of_sentinels(hosts: str, path: str) -> dict[str, Any]:
    service, _, database = path.removeprefix("/").partition("/")
    service = unquote(service)
    if not service.isprintable() or not service or not hosts:
        _refuse(Phrase("write sentinel://host:26379,host:26379/service-name/0"))
    addresses = tuple(_address(host, _SENTINEL_PORT) for host in hosts.split(","))
    return {"addresses": addresses, "service": service, **_database(database, "sentinel://host:26379/name/0")}


def _of_unix(hosts: str, path: str) -> dict[str, Any]:
    socket = unquote(path)
    if hosts or socket in ("", "/") or not socket.isprintable():
        _refuse(Phrase("use unix:///absolute/path/to.sock, and ?db=2 for a database"))
    return {"path": socket}


_WHERE = {
    "redis": _of_server,
    "rediss": _of_server,
    "unix": _of_unix,
    "sentinel": _of_sentinels,
    "sentinels": _of_sentinels,
}


def _database(path: str, example: str) -> dict[str, int]:
    found = _DATABASE.fullmatch(path)
    if found is None:
        _refuse(Phrase("must name its database by a number: {example}", example=example))
    return {"db": int(found[1])} if found[1] else {}


def _address(text: str, default_port: int) -> Address:
    found = _ADDRESS.fullmatch(text)
    port = int(found["port"] or default_port) if found else 0
    if found is None or not 0 < port < 65536 or not (_is_name(found["name"]) or _is_ipv6(found["ipv6"])):
        _refuse(
            Phrase(
                "has an address that is not one: write host, host:6379 or [::1]:6379, with a port from 1 to 65535, and"
                " USER:PASSWORD@ or :PASSWORD@ in front of it"
            )
        )
    return (found["name"] or found["ipv6"]).lower(), port


def _is_name(text: str | None) -> bool:
    """What the resolver takes: it raises an error of its own for an empty label, or one beyond 63 letters."""
    try:
        return bool(text and text.encode("idna"))
    except UnicodeError:
        return False


def _is_ipv6(text: str | None) -> bool:
    try:
        return bool(text and IPv6Address(text))
    except ValueError:
        return False
