"""Which Redis has each desk, where the file of desks spreads them over several."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from ledger.errors import BadInput
from ledger.phrases import Phrase
from ledger.redis_url import RedisUrl

__all__ = ["Placement"]


@dataclass(frozen=True, slots=True)
class Placement:
    """A server is known by its URL as it is shown, without user, password and options."""

    home: RedisUrl  #: has what belongs to no desk, and each desk that names no other
    elsewhere: Mapping[str, RedisUrl]  #: by desk

    @classmethod
    def of(cls, home: RedisUrl, written: Mapping[str, str | None]) -> Self:
        """From the URLs in the file of desks. Raises BadInput for two that reach one server in different ways."""
        known = {str(home): home}
        elsewhere: dict[str, RedisUrl] = {}
        for desk, text in written.items():
            if not text:
                continue
            url = RedisUrl.parse(text)
            if known.setdefault(str(url), url) != url:
                problem = Phrase(
                    "[desk.{desk}] redis: {server} has another user, password or options elsewhere: write it alike",
                    desk=desk,
                    server=str(url),
                )
                raise BadInput("DESKBELL_DESKS", problem)
            if url != home:
                elsewhere[desk] = url
        return cls(home, elsewhere)

    @property
    def servers(self) -> tuple[RedisUrl, ...]:
        """Those that have desks, the home first."""
        by_name = {str(url): url for url in (self.home, *self.elsewhere.values())}
        return tuple(by_name.values())

    def of_desk(self, desk: str) -> RedisUrl:
        return self.elsewhere.get(desk, self.home)

    def named(self, text: str) -> RedisUrl:
        """The server of this URL, which may lack the password. Raises BadInput for one without desks."""
        wanted = str(RedisUrl.parse(text))
        for url in self.servers:
            if str(url) == wanted:
                return url
        known = ", ".join(map(str, self.servers))
        problem = Phrase("no desk is on {server}: give one of {known}", server=wanted, known=known)
        raise BadInput("DESKBELL_SERVER", problem)
