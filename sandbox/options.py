"""The command line of the sandbox, as one frozen value."""

import argparse
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from sandbox.contacts.company_file import read_directory, small_company
from sandbox.contacts.directory import Directory
from sandbox.contacts.generated import generated_directory
from sandbox.contacts.visibility import ALL_SCOPES, Range, Scopes, parse_range
from sandbox.faults import parse_rule
from sandbox.quota import Limit, parse_rate
from sandbox.speech import LANGUAGES, parser_in

__all__ = ["Latency", "Options", "parse_options"]

_DEFAULT_APP = ("cli_sandbox", "sandbox-secret")
_DEFAULT_HELPDESK = ("1000000000000000000", "ht-sandbox")
_LATENCY = re.compile(r"^(\d+)(?:-(\d+))?$")


@dataclass(frozen=True, slots=True)
class Latency:
    """The duration of a message call, uniformly distributed from `low_ms` to `high_ms`."""

    low_ms: int
    high_ms: int

    def draw_seconds(self, rng: random.Random) -> float:
        return rng.uniform(self.low_ms, self.high_ms) / 1000 if self.high_ms else 0.0


@dataclass(frozen=True, slots=True)
class Options:
    """`apps` and `helpdesks` map ids to their secrets; `ticket_open_answer` is (HTTP status, code).

    The answer to `chat` while a ticket is open is undocumented. The default, 401 and 154405, is invented: helpdesk
    codes of this kind are 1544xx with HTTP 401, and 154405 is the first unlisted one.
    """

    lang: str
    host: str
    port: int
    apps: dict[str, str]
    helpdesks: dict[str, str]
    rate: tuple[Limit, ...]
    latency: Latency
    ticket_open_answer: tuple[int, int]
    accept_unwrapped_post: bool
    accept_helpdesk_bearer: bool
    post_locales: frozenset[str]
    token_kinds: bool
    demand_content_type: bool
    bot_stage_blocks: bool
    read_users: bool
    tokens_live_seconds: float
    keep_calls: int
    seed: int
    demo: bool
    events_url: str | None
    encrypt_key: str
    verification_token: str
    directory: Directory
    contact_range: Range
    scopes: Scopes
    contact_rate: tuple[Limit, ...]
    special_rate: tuple[Limit, ...]
    recursion_limit: int | None
    page_tokens_live_seconds: float
    faults: tuple[dict[str, Any], ...]
    check: bool


def parse_options(arguments: Sequence[str] | None = None) -> Options:
    """Parses the command line, by default the process's own. Exits with 2 and a usage line if it is invalid."""
    parser = _parser(_language(arguments))
    options = vars(parser.parse_args(arguments))
    apps = dict(options.pop("app") or [_DEFAULT_APP])
    helpdesks = dict(options.pop("helpdesk") or [_DEFAULT_HELPDESK])
    people, departments, file = options.pop("people"), options.pop("departments"), options.pop("directory")
    if file and people:
        parser.error("give --directory or --people, not both")
    directory = file or (generated_directory(people, departments) if people else None)
    if directory is None:
        directory = small_company() if options["demo"] else Directory()
    scopes = Scopes((options.pop("scopes") or ALL_SCOPES) - frozenset(options.pop("without_scope")))
    faults = tuple(options.pop("fault"))
    return Options(apps=apps, helpdesks=helpdesks, directory=directory, scopes=scopes, faults=faults, **options)


def _language(arguments: Sequence[str] | None) -> str:
    """Before anything else is parsed: errors are in it."""
    first = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    first.add_argument("--lang", default=LANGUAGES[0])
    given = str(first.parse_known_args(arguments)[0].lang)
    return given if given in LANGUAGES else LANGUAGES[0]


def _parser(language: str) -> argparse.ArgumentParser:
    parser = parser_in(
        language,
        prog="sandbox",
        description="A simulated Feishu helpdesk on this machine. Its control API is under /sandbox/.",
        epilog="example: python -m sandbox --port 8470 --rate 100/minute --latency-ms 50-400 --demo",
    )
    add = parser.add_argument
    add(
        "--lang",
        choices=LANGUAGES,
        default=LANGUAGES[0],
        help="language of this help, of errors and of what it prints (default %(default)s)",
    )
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=_port, default=8470, help="port to listen on, 0 for a free one (default %(default)s)")
    add(
        "--app",
        action="append",
        type=_pair,
        metavar="ID:SECRET",
        help="an app, repeatable (default cli_sandbox:sandbox-secret)",
    )
    add(
        "--helpdesk",
        action="append",
        type=_pair,
        metavar="ID:TOKEN",
        help="a helpdesk, repeatable (default 1000000000000000000:ht-sandbox)",
    )
    add(
        "--rate",
        type=_rate,
        default="100/minute",
        help="message calls per app, such as 100/minute, '5/second;100/minute', unlimited (default %(default)s)",
    )
    add(
        "--latency-ms",
        dest="latency",
        type=_latency,
        default="0",
        metavar="N|LOW-HIGH",
        help="how long a message call takes",
    )
    add(
        "--ticket-open-answer",
        type=_status_and_code,
        default="401:154405",
        metavar="HTTP:CODE",
        help="answer to `chat` while a ticket is open; undocumented (default %(default)s)",
    )
    add(
        "--bot-stage-passes",
        dest="bot_stage_blocks",
        action="store_false",
        help="a ticket that no agent has taken does not block `chat`; undocumented",
    )
    add("--read-users", action="store_true", help="read_users answers for helpdesk messages, instead of 230012")
    add("--accept-unwrapped-post", action="store_true", help="accept a post without its `post` wrapper")
    add(
        "--accept-helpdesk-bearer",
        action="store_true",
        help="accept \"Bearer \" before the helpdesk's credentials, as Feishu's own client for Node sends it",
    )
    add(
        "--post-locales",
        type=_names,
        default="zh_cn,en_us,ja_jp",
        metavar="LIST",
        help="languages of a post; nothing says whether ja_jp is one (default %(default)s)",
    )
    add("--token-kinds", action="store_true", help="tell wrong kinds of tokens apart: 99991668, 99991671")
    add("--demand-content-type", action="store_true", help="refuse a body that is not said to be application/json")
    add("--tokens-live-seconds", type=float, default=7200, metavar="N", help="life of a token (default %(default)s)")
    add("--keep-calls", type=_positive, default=100_000, metavar="N", help="logged calls to keep (default %(default)s)")
    add("--seed", type=int, default=0, help="seed of jitter and of shared faults (default %(default)s)")
    add("--events-url", type=_url, metavar="URL", help="push subscribed ticket events there")
    add("--encrypt-key", default="", metavar="K", help="encrypt and sign events with this Encrypt Key")
    add("--verification-token", default="", metavar="T", help="put this Verification Token into events")
    add("--check", action="store_true", help="check the options, a --directory too, and end")
    _add_contacts(parser)
    add(
        "--demo",
        action="store_true",
        help="ou_ticket…, ou_flaky… and ou_cut… have tickets and faults without orders; a small company",
    )
    return parser


def _add_contacts(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("contacts").add_argument
    add("--people", type=_positive, metavar="N", help="so many people, by a rule: p000000@corp.example and so on")
    add("--departments", type=_positive, default=20, metavar="N", help="of --people (default %(default)s)")
    add("--directory", type=_directory, metavar="FILE", help="people, departments and groups of a TOML or JSON file")
    add(
        "--range",
        dest="contact_range",
        type=parse_range,
        default="all",
        metavar="LIST",
        help="the app's contact range: all, or od-…, ou_… and ids of groups, joined by commas (default %(default)s)",
    )
    add("--scopes", type=_names, metavar="LIST", help="the app's scopes, joined by commas (default: all)")
    add("--without-scope", action="append", default=[], metavar="SCOPE", help="all scopes but this, repeatable")
    add(
        "--contact-rate", type=_rate, default="50/second;1000/minute", help="of each contact call (default %(default)s)"
    )
    add("--special-rate", type=_rate, default="5/second", help="of departments/:id (default %(default)s)")
    add("--recursion-limit", type=_positive, metavar="N", help="fetch_child of more departments is refused (43010)")
    add("--page-tokens-live-seconds", type=float, default=3600, metavar="N", help="life of a page_token")
    add("--fault", action="append", type=_fault, default=[], metavar="JSON", help="a fault in force from the start")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} must be a port, 0 to 65535")
    return int(text)


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text!r} must begin with http:// or https://")
    return text


def _pair(text: str) -> tuple[str, str]:
    name, _, secret = text.partition(":")
    if not name or not secret:
        raise argparse.ArgumentTypeError(f"{text!r} must be written ID:SECRET")
    return name, secret


def _directory(text: str) -> Directory:
    try:
        return read_directory(Path(text))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split(","))


def _fault(text: str) -> dict[str, Any]:
    try:
        spec: dict[str, Any] = orjson.loads(text)
        parse_rule(spec)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return spec


def _rate(text: str) -> tuple[Limit, ...]:
    try:
        return parse_rate(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _latency(text: str) -> Latency:
    match = _LATENCY.match(text)
    if match is None or int(match[2] or match[1]) < int(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} must be milliseconds, such as 50 or 50-400")
    return Latency(int(match[1]), int(match[2] or match[1]))


def _status_and_code(text: str) -> tuple[int, int]:
    status, _, code = text.partition(":")
    if not (status.isdecimal() and code.isdecimal() and 200 <= int(status) <= 599):
        raise argparse.ArgumentTypeError(f"{text!r} must be written HTTP:CODE, such as 401:154405")
    return int(status), int(code)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number above 0")
    return int(text)
