"""What Feishu knows of the receivers of an announcement: who they are, and who of them has an open ticket.

What calls Feishu is loaded with the first question: most announcements, and most programs, have none.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Self

from feishu.contact import Resolved
from ledger.addresses import Contact
from ledger.connection import reachable
from ledger.ledger import Ledger
from ledger.settings import Desk

if TYPE_CHECKING:
    from feishu.client import FeishuClient
    from feishu.directory import Directory
    from feishu.open_tickets import OpenTickets
    from feishu.people import People

__all__ = ["Lookup"]


class Lookup:
    """Asks for one desk. Not for several threads at once.

    Its questions raise BadInput for credentials that are not set, LedgerUnreachable, and AskFailed with what Feishu
    said.
    """

    def __init__(self, ledger: Ledger, desk: Desk) -> None:
        self._ledger = ledger.at(desk.name)
        self._desk = desk

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "_feishu" in self.__dict__:
            self._feishu.close()

    def resolve(self, contacts: Sequence[Contact]) -> dict[Contact, Resolved]:
        """Leads each contact to an open_id: no other id comes from here. Waits for as long as Feishu makes it."""
        with reachable(self._ledger.settings):
            return self._people.resolve(contacts)

    def open_ids(self, ids: Sequence[str], id_type: str) -> dict[str, str]:
        """The open_ids of at most 50 people who are named by another id; without those whom the app may not see."""
        with reachable(self._ledger.settings):
            return {id: member.open_id for id, member in self.directory.people(ids, id_type).items()}

    def open_tickets(self) -> "OpenTickets":
        """Asks for all pages of the ticket list, for three minutes at most."""
        from feishu.open_tickets import open_tickets

        with reachable(self._ledger.settings):
            return open_tickets(self._feishu)

    @cached_property
    def directory(self) -> "Directory":
        """What the app may see, at the pace of the contact API."""
        from feishu.contact_pace import ContactPace
        from feishu.directory import Directory

        return Directory(self._feishu, ContactPace(self._ledger.redis, self._ledger.keys, self._desk).wait)

    @cached_property
    def _feishu(self) -> "FeishuClient":
        from feishu.client import FeishuClient
        from feishu.token import RedisTokens

        settings = self._ledger.settings
        return FeishuClient.of(self._desk, settings, RedisTokens(self._ledger.redis, settings.prefix))

    @cached_property
    def _people(self) -> "People":
        from feishu.people import People

        return People(self._ledger.redis, self._ledger.settings, self._desk, self._feishu)
