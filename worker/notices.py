"""Sends notices: a thread in every worker looks for owed ones, and accepts each as an event.

The event's key is made from the entry, so it stays one message even if several workers read it or one is killed.
"""

import logging
import threading
from collections.abc import Sequence

import redis

from ledger.announcement import Announcement
from ledger.delivery_options import OnUnknown
from ledger.errors import DeskbellError, NotDurable
from ledger.ledger import Ledger
from ledger.notices import Notice, NoticeKind, Notices
from ledger.notification import Notification
from ledger.one_address import receiver_fields
from ledger.redis_keys import key_digest
from worker.notice_texts import notice_text

__all__ = ["NoticeSender"]

log = logging.getLogger(__name__)

#: How often to look, seconds: one command to Redis each time.
LOOK_SECONDS = 1.0


class NoticeSender:
    """Start and stop it with the worker."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._notices = Notices(ledger)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except (redis.RedisError, NotDurable) as error:
                log.warning("notices wait: %s", error)
            except Exception:  # a thread that ends would leave everything owed until somebody notices
                log.exception("sending notices failed, and goes on")

    def look(self) -> None:
        """Accepts the owed notices. Raises RedisError and NotDurable, after which the rest stay owed."""
        for notice in self._notices.waiting():
            try:
                if events := self._events(notice):
                    self._ledger.accept(events)
            except NotDurable:
                raise
            except DeskbellError as error:  # for example, the draft was discarded since
                log.warning("a notice is dropped: %s", error, extra={"id": notice.id})
            self._notices.strike_off(notice)

    def _events(self, notice: Notice) -> list[Notification]:
        of, settings = self._ledger.announcements.get(notice.id), self._ledger.settings
        desk = settings.desk(of.spec.desk)
        text = notice_text(notice, of, desk.language, settings.public_url)
        return [
            _event(to, desk.name, text, f"notice/{notice.name}/{key_digest(to)}") for to in self._readers(notice, of)
        ]

    def _readers(self, notice: Notice, of: Announcement) -> Sequence[str]:
        """Without DESKBELL_PUBLIC_URL approvers get no notice, since it would lack the link: `doctor` warns of that."""
        if notice.kind is not NoticeKind.SUBMITTED:
            return [of.spec.notify] if of.spec.notify else []
        return self._ledger.settings.approvers if self._ledger.settings.public_url else ()


def _event(to: str, desk: str, text: str, key: str) -> Notification:
    """Held when it may have been sent already, so that nobody gets it twice: an operator settles it."""
    fields = {**receiver_fields(to), "desk": desk, "text": text, "on_unknown": OnUnknown.HOLD}
    return Notification.build(fields, key_of_ours=key)
