"""Sends notices: a thread in every worker looks for those that are owed, and accepts each as an event.

Its key is made of the entry, so it is one message, whichever workers read it and wherever one is killed.
"""

import logging
import threading

import redis

from ledger.delivery_options import OnUnknown
from ledger.errors import DeskbellError, NotDurable, NotFound
from ledger.ledger import Ledger
from ledger.notices import Notice, Notices
from ledger.notification import Notification
from ledger.one_address import receiver_fields
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
        """Accepts what is owed. Raises RedisError and NotDurable: the rest stays owed."""
        for notice in self._notices.waiting():
            try:
                self._ledger.accept(self._events(notice))
            except NotDurable:
                raise
            except DeskbellError as error:  # for one, its desk is no longer configured
                log.error("a notice is dropped: %s", error, extra={"id": notice.id})
            self._notices.strike_off(notice)

    def _events(self, notice: Notice) -> list[Notification]:
        of = self._ledger.announcements.get(notice.id)
        desk = self._ledger.settings.desk(of.spec.desk)
        text = notice_text(notice, of, desk.language, self._ledger.settings.public_url)
        if of.spec.notify is None:
            raise NotFound(notice.id)
        return [_event(of.spec.notify, desk.name, text, f"notice/{notice.name}")]


def _event(to: str, desk: str, text: str, key: str) -> Notification:
    """Never twice, also when a call may have gone out: then it is told among what needs somebody."""
    fields = {**receiver_fields(to), "desk": desk, "text": text, "on_unknown": OnUnknown.HOLD}
    return Notification.build(fields, key_of_ours=key)
