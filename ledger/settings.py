"""Deskbell's settings: one frozen value, read once from `DESKBELL_*` variables and `.env`, passed in everywhere."""

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger.callback_format import CallbackSecret
from ledger.delivery_options import DEFAULT_DESK
from ledger.desk_secrets import with_secrets
from ledger.env_file import check_env_file
from ledger.errors import BadInput
from ledger.memory import checked_limit
from ledger.messages.json_fields import refusal_of
from ledger.phrases import Phrase
from ledger.placement import Placement
from ledger.rate import Limit, Rate
from ledger.redis_keys import checked_prefix
from ledger.redis_url import RedisUrl
from ledger.setting_kinds import (
    Addresses,
    ApiAddress,
    Codes,
    Duration,
    Language,
    OtherRedis,
    Pair,
    Places,
    PublicAddress,
    RedisAddress,
    RowLimit,
)
from ledger.toml_file import read_toml

__all__ = ["ENV_FILE", "Desk", "Settings"]


_DESK_NAME = re.compile(r"^[a-z0-9][a-z0-9_-]{0,31}$")
#: The kernel's limit for a unix socket path is 104 bytes on macOS and 108 on Linux.
_SOCKET_PATH_BYTES = 100


class Desk(BaseModel):
    """One helpdesk and the app credentials that speak for it. It owns one quota."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)
    name: str
    app_id: str = ""
    """The id of the custom app, `cli_…`."""
    app_secret: SecretStr = SecretStr("")
    """Its secret."""
    helpdesk_id: str = ""
    """The helpdesk's id."""
    helpdesk_token: SecretStr = SecretStr("")
    """The helpdesk's API token."""
    encrypt_key: SecretStr = SecretStr("")
    """The Encrypt Key of the app's event subscription: see feishu-events.md. Desks of one app share it."""
    verification_token: SecretStr = SecretStr("")
    """The Verification Token of the app's event subscription."""
    rate: Rate
    """The desk's quota; as `DESKBELL_RATE`."""
    feishu_url: ApiAddress
    """Feishu's or Lark's address; as `DESKBELL_FEISHU_URL`."""
    ticket_codes: Codes = frozenset()
    """As `DESKBELL_TICKET_CODES`."""
    language: Language = "en"
    """As `DESKBELL_LANG`."""
    redis: OtherRedis = Field(None, repr=False)
    """The URL of the Redis that has this desk, if it is not that of `DESKBELL_REDIS_URL`: see deploy.md."""

    @field_validator("name")
    @classmethod
    def _name_is_plain(cls, name: str) -> str:
        if not _DESK_NAME.match(name):
            raise ValueError(
                Phrase(
                    "{name} is not a valid desk name: use lower-case letters, digits, '-' and '_', 32 at most",
                    name=repr(name),
                )
            )
        return name

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the missing credentials, in the order of the README."""
        return tuple(name for name, value in self._credentials.items() if not value)

    @property
    def fingerprint(self) -> str:
        """Changes with every credential, and reveals none. 16 hex digits."""
        parts = (self.feishu_url, *self._credentials.values())
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    @property
    def app(self) -> str:
        """Of the app alone, for which open_ids are good. 16 hex digits."""
        return hashlib.sha256("\0".join((self.feishu_url, self.app_id)).encode()).hexdigest()[:16]

    @property
    def _credentials(self) -> dict[str, str]:
        return {
            "app_id": self.app_id,
            "app_secret": self.app_secret.get_secret_value(),
            "helpdesk_id": self.helpdesk_id,
            "helpdesk_token": self.helpdesk_token.get_secret_value(),
        }


#: In the current directory, or none.
ENV_FILE = Path(".env")


class Settings(BaseSettings):
    """Every variable of the outside contract. Build it with `Settings.from_env()`; it never changes afterwards."""

    model_config = SettingsConfigDict(
        env_prefix="DESKBELL_",
        env_file=ENV_FILE,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    redis_url: RedisAddress = Field(None, repr=False)
    """The URL of the ledger's Redis or Valkey: see below. If unset, the embedded Valkey of `deskbell up`, under the
    data directory."""
    server: OtherRedis = Field(None, repr=False)
    """Of workers: the Redis whose desks they serve, as the desks file names it, with or without its password; if unset,
    that of `DESKBELL_REDIS_URL`. See deploy.md."""
    sentinel_password: SecretStr = SecretStr("")
    """The password of the sentinels themselves, if they have one; the primary's password is in the URL."""
    data_dir: Path = Path(".deskbell")
    """The directory of the embedded Valkey's files and socket."""
    prefix: Annotated[str, AfterValidator(checked_prefix)] = "deskbell"
    """The prefix of every Redis key and Celery queue. One part may be in braces, `{deskbell}`: see deploy.md."""
    feishu_url: ApiAddress = "https://open.feishu.cn"
    """The address of the API; for Lark `https://open.larksuite.com`."""
    app_id: str = ""
    """The id of the custom app of the desk `default`, `cli_…`."""
    app_secret: SecretStr = SecretStr("")
    """Its secret."""
    helpdesk_id: str = ""
    """The helpdesk's id."""
    helpdesk_token: SecretStr = SecretStr("")
    """The helpdesk's API token."""
    encrypt_key: SecretStr = SecretStr("")
    """The Encrypt Key of the app's event subscription: see feishu-events.md."""
    verification_token: SecretStr = SecretStr("")
    """The Verification Token of the app's event subscription."""
    desks: Path | None = None
    """A TOML file with more desks: see below."""
    hooks: Path | None = None
    """A TOML file with the hooks for other systems: see integrations.md."""
    rate: Rate = (Limit(calls=100, seconds=60),)
    """Each desk's quota: calls in any window of that length; `unlimited` switches the quota off."""
    ticket_codes: Codes = frozenset()
    """Codes that mean “this receiver has an open ticket” without asking the ticket list, joined by commas."""
    lang: Language = "en"
    """The language in which Deskbell itself writes to people, `en` or `zh`: marks of tests, notices, digests, and the
    command line, which follows `LC_ALL`, `LC_MESSAGES` or `LANG` if this is unset."""
    retry_for: Duration = timedelta(hours=24)
    """How long a notification may keep failing before it is `failed`. Waiting does not count."""
    timeout: Pair = (5.0, 20.0)
    """Seconds to connect to Feishu, and seconds to wait for its answer."""
    results_for: Duration = timedelta(days=30)
    """How long a finished notification stays on record."""
    people_for: Duration = timedelta(hours=24)
    """How long it is kept which person an e-mail address or a mobile number leads to."""
    audit_for: Duration = timedelta(days=400)
    """How long the acts of people stay in the audit log."""
    api_keys: SecretStr = SecretStr("")
    """Configured keys of the HTTP API, beside those that `deskbell key` creates: see http.md."""
    approval_above: RowLimit = None
    """Announcements of more rows than this need the approval of a second person; if unset, none do: see drafts.md. It
    needs at least one API key."""
    host: str = "127.0.0.1"
    """The address that `deskbell web` listens on."""
    port: int = 8480
    """The port that `deskbell web` listens on."""
    public_url: PublicAddress = ""
    """What links in messages begin with: where people reach the console, such as `https://deskbell.corp.example`."""
    approvers: Addresses = ()
    """Addresses of those who get a message when an announcement is submitted for approval, joined by commas. Needs
    `DESKBELL_PUBLIC_URL`: the message has a link."""
    callback_secret: CallbackSecret = SecretStr("")
    """Signs callbacks, `whsec_…`; without it none is posted: see callbacks.md."""
    callback_allow: Places = frozenset()
    """Private hosts, addresses and networks that callbacks may go to, joined by commas."""
    concurrency: int = Field(16, ge=1)
    """Threads of a worker process, that is its concurrent calls."""
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    """Worker processes that `deskbell up` starts."""
    maxmemory: Annotated[str, AfterValidator(checked_limit)] = "50%"
    """The data limit of the embedded Valkey, such as `2gb`, or a share of the machine's memory; `unlimited` sets none.
    At startup it is raised to one and a half times the data, if it is lower."""
    error_codes: Path | None = None
    """A TOML file with more error codes, which precede the built-in table: see troubleshooting.md."""

    @classmethod
    def from_env(cls, **overrides: Any) -> Self:
        """Reads the environment and `.env`. Raises BadInput naming the variable that is wrong."""
        check_env_file(ENV_FILE)
        try:
            settings = cls(**overrides)
            settings.redis  # noqa: B018  a wrong desks file must be told at once, not at the first send
        except ValidationError as error:
            wrong = refusal_of(error)
            variable = "DESKBELL_" + (wrong.field.partition("[")[0].upper() or "*")
            raise BadInput(variable, wrong.problem) from None
        return settings

    @property
    def embedded(self) -> bool:
        """Whether the ledger is in the Valkey that `deskbell up` runs under the data directory."""
        return self.redis_url is None and self.server is None

    @cached_property
    def redis(self) -> RedisUrl:
        """The parts of the ledger's URL; as text it has no password, so it may be logged and shown."""
        return self.placement.named(self.server) if self.server else self.placement.home

    @cached_property
    def placement(self) -> Placement:
        """Which Redis has each desk."""
        home = RedisUrl.parse(self.redis_url) if self.redis_url else RedisUrl.of_socket(str(self.socket_path))
        return Placement.of(home, {name: desk.redis for name, desk in self.all_desks.items()})

    @cached_property
    def servers(self) -> tuple[Self, ...]:
        """These settings for each server that has desks, the home first."""
        others = (str(url) for url in self.placement.servers[1:])
        return tuple(self._of_server(where) for where in (None, *others))

    def _of_server(self, where: str | None) -> Self:
        if where == self.server:
            return self
        copy = self.model_copy(update={"server": where})
        copy.__dict__.update(all_desks=self.all_desks, placement=self.placement)  # the desks file is not read again
        return copy

    @cached_property
    def desks_here(self) -> Mapping[str, Desk]:
        """Those of `all_desks` that this server has."""
        return {name: desk for name, desk in self.all_desks.items() if self.placement.of_desk(name) == self.redis}

    @property
    def socket_path(self) -> Path:
        """Where the embedded Valkey listens: the data directory, or a temporary one if that path is too long."""
        data_dir = self.data_dir.absolute()
        path = data_dir / "valkey.sock"
        if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES:
            return path
        name = f"deskbell-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]}"
        return Path(tempfile.gettempdir()) / name / "valkey.sock"

    @cached_property
    def all_desks(self) -> Mapping[str, Desk]:
        """The desks by name: `default` from the variables, the others from the file that `DESKBELL_DESKS` names."""
        shared = {name: getattr(self, name) for name in ("rate", "feishu_url", "ticket_codes")}
        shared["language"] = self.lang
        own = {name: getattr(self, name) for name in Desk.model_fields if name not in ("name", "language", "redis")}
        default = Desk(name=DEFAULT_DESK, language=self.lang, **own)
        return {DEFAULT_DESK: default, **_desks_of_file(self.desks, shared)}

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Without the cached properties of the original."""
        copy = super().model_copy(update=update, deep=deep)
        for computed in ("all_desks", "redis", "placement", "servers", "desks_here"):
            copy.__dict__.pop(computed, None)
        return copy

    def desk(self, name: str) -> Desk:
        """Raises BadInput when no such desk is configured."""
        try:
            return self.all_desks[name]
        except KeyError:
            known = ", ".join(sorted(self.all_desks))
            raise BadInput(
                "desk", Phrase("there is no desk {name}; configured: {known}", name=repr(name), known=known)
            ) from None


def _desks_of_file(path: Path | None, shared: Mapping[str, Any]) -> dict[str, Desk]:
    if path is None:
        return {}
    tables = read_toml(path, "DESKBELL_DESKS").get("desk", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise BadInput("DESKBELL_DESKS", Phrase("{path} must contain tables [desk.NAME]", path=str(path)))
    desks = {}
    for name, table in tables.items():
        try:
            desks[name] = Desk(**{**shared, **with_secrets(name, table, path.parent), "name": name})
        except ValidationError as error:
            wrong = refusal_of(error)
            raise BadInput(
                "DESKBELL_DESKS",
                Phrase("[desk.{name}] {field}: {problem}", name=name, field=wrong.field, problem=wrong.problem),
            ) from None
    return desks
