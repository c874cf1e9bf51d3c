"""The Python client: submits notifications and announcements, and reads their records."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self, Unpack

from ledger.errors import BadInput, NotFound
from ledger.ids import is_notification
from ledger.phrases import Phrase
from ledger.record import Accepted, Announced, Record
from ledger.states import State
from producers.client.announcement_handle import AnnouncementBackend, AnnouncementHandle
from producers.client.arguments import AnnouncementArguments, EventArguments, spelled_out

__all__ = ["TIMEOUT_SECONDS", "Backend", "Notifier"]

#: How long a call waits for its answer unless the program says otherwise.
TIMEOUT_SECONDS = 5.0


class Backend(AnnouncementBackend, Protocol):
    """A way into the ledger. Whichever it is, the same call has the same effect and raises the same errors."""

    def send(self, events: Sequence[EventArguments]) -> list[Accepted]: ...

    def announce(
        self, rows: Iterable[Mapping[str, str]] | Path | None, draft: bool, **arguments: Unpack[AnnouncementArguments]
    ) -> Announced: ...

    def test(
        self,
        rows: Iterable[Mapping[str, str]] | Path | None,
        to: str,
        row: int | str,
        **arguments: Unpack[AnnouncementArguments],
    ) -> str: ...

    def get(self, id: str) -> Record: ...

    def close(self) -> None: ...


class Notifier:
    """Accepts notifications on behalf of a program. Threads may share one.

    >>> notifier = Notifier.from_env()
    >>> accepted = notifier.send(receiver_id="ou_ada", text="Disk full on db-3", key="alert-8812")
    >>> notifier.get(accepted.id).progress.state
    <State.QUEUED: 'queued'>

    Every method raises LedgerUnreachable when Redis, or the server, does not answer within `timeout` seconds, and
    within a second when the connection is refused. After that, and after NotDurable, the notification may or may not
    have been accepted: repeat the call with the same `key`, and it is accepted once. `announce` may take longer.
    """

    # Each backend is imported by the way that leads to it: a program loads a client for Redis or one for HTTP.

    def __init__(self, backend: Backend) -> None:
        """Programs take `from_env` or `http`."""
        self._backend = backend

    @classmethod
    def from_env(cls, *, timeout: float = TIMEOUT_SECONDS) -> Self:
        """Reads `DESKBELL_*` variables and `.env`; connects with the first call. Raises BadInput.

        A `socket_timeout` in DESKBELL_REDIS_URL counts instead of `timeout`.
        """
        from producers.client.ledger_backend import LedgerBackend

        return cls(LedgerBackend.from_env(_checked(timeout)))

    @classmethod
    def http(cls, url: str, key: str | None = None, *, timeout: float = TIMEOUT_SECONDS) -> Self:
        """For programs that must not reach Redis: calls `deskbell web`, with a key of `deskbell key create`.

        >>> notifier = Notifier.http("https://deskbell.example.com", key="dbk_…")

        A call whose answer was lost is repeated as long as `timeout` allows: a notification without a `key` gets one
        for that. A record that comes this way has no message.

        What differs: an `image` cannot be sent; of several notifications the others may be accepted when one is
        refused for a reason that only the server knows; a file is not read by the server, but sent to it. Raises
        Unauthorized or Forbidden with its calls when the key is wrong, and BadInput for an invalid URL, key or timeout.
        """
        from producers.client.http_backend import HttpBackend

        return cls(HttpBackend(url, key, timeout_seconds=_checked(timeout)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._backend!r})"

    @spelled_out(EventArguments)
    def send(self, **arguments: Unpack[EventArguments]) -> Accepted:
        """Accepts one notification durably. Give one of `text`, `markdown`, `message`, `image` (the path of a file) and
        `template` (the name of a saved one, with its `variables`).

        The receiver is a `receiver_id`, an `email` or a `mobile` number. A worker finds out whose it is after the
        acceptance; if it is nobody's, the notification fails with the reason `no_such_person`.

        `at` and `expires` are a time (without an offset: local) or text such as `"2026-11-30T09:00+08:00"` and `"1h"`
        from now. The same `key` with the same content gives the first id again, as a duplicate.

        >>> notifier.send(email="ann@corp.example", text="Disk full on db-3")
        >>> notifier.send(receiver_id="ou_ada", image="poster.png", at="15m", expires="2h")
        >>> notifier.send(receiver_id="ou_ada", template="disk", variables={"host": "db-3"})
        >>> notifier.send(receiver_id="ou_ada", message={"msg_type": "post", "content": {"zh_cn": …}})

        Raises:
            BadInput: naming the field; nothing was accepted.
            KeyReused: `key` stands for another content.
            NotDurable: Redis did not confirm the fsync in time.
        """
        return self.send_many([arguments])[0]

    def send_many(self, notifications: Sequence[EventArguments]) -> list[Accepted]:
        """Accepts notifications of one desk, at most 1,000: all of them or none. The items are the arguments of `send`.

        >>> notifier.send_many([{"receiver_id": id, "text": "Lift 2 is stuck"} for id in ("ou_ada", "ou_bob")])

        Raises as `send`; a BadInput says which of them is wrong, counting from 1.
        """
        return self._backend.send(notifications) if notifications else []

    @spelled_out(AnnouncementArguments)
    def announce(
        self,
        rows: Iterable[Mapping[str, str]] | Path | None = None,
        *,
        draft: bool = False,
        **arguments: Unpack[AnnouncementArguments],
    ) -> Announced:
        """Accepts one message to many receivers durably: all rows or none. `rows` are mappings, or a file's path.

        A row has `receiver_id` (or `email` or `mobile`), and may have `receive_type`, `user_id_type` and `send_at`;
        its other columns are variables for the Jinja in the message. All rows are checked before one is accepted.
        Without a `key`, the same rows, message and options are accepted once.

        >>> people = [{"receiver_id": "ou_ada", "name": "Ada"}, {"receiver_id": "ou_bob", "name": "Bob"}]
        >>> notifier.announce(people, text="Dear {{ name }}, we move on Friday", name="Office move")

        Instead of rows, or with them, it goes to departments, user groups or everyone whom the app may see, less who is
        excluded; the message may use `name`, `en_name`, `email`, `mobile`, `employee_no`, `job_title`, `city` and
        `department`. Nobody gets it twice.

        >>> notifier.announce(departments=["od-4e6ac4d1"], exclude=["ou_ada"], text="Dear {{ name }}", name="Welcome")

        As a `draft` nothing of it is accepted before it is started: `notifier.announcement(announced).start()`.

        Raises as `send`; a BadInput names the line and column of a file, or the number of a row. NotPermitted: so many
        rows need an approval, so make it a draft.
        """
        return self._backend.announce(rows, draft, **arguments)

    @spelled_out(AnnouncementArguments)
    def test(
        self,
        rows: Iterable[Mapping[str, str]] | Path | None = None,
        *,
        to: str,
        row: int | str = "first",
        **arguments: Unpack[AnnouncementArguments],
    ) -> str:
        """Checks an announcement, and sends the message of one row to `to`, marked as a test. Returns its id.

        Nothing else is accepted. `to` is an id, an e-mail address, `"+86…"` or `"mobile:138…"`; `row` is the number of
        a row, from 1, or `"first"`, `"longest"` or `"emptiest"`. The rest is as for `announce`; `key` plays no part.

        >>> notifier.test(Path("people.csv"), to="ann@corp.example", row="longest", text="Dear {{ name }}", name="Move")

        Raises BadInput and NotDurable as `announce`.
        """
        return self._backend.test(rows, to, row, **arguments)

    def announcement(self, announced: Announced | str) -> AnnouncementHandle:
        """The announcement that `announce` returned, or of this id, to steer and to follow.

        >>> notifier.announcement(announced).wait(timeout=600).counts[State.FAILED]
        0
        """
        return AnnouncementHandle(self._backend, announced if isinstance(announced, str) else announced.id)

    def reschedule(self, id: str, at: datetime | str, timezone: str | None = None) -> State:
        """Has a scheduled notification sent at another time. `at` is as in `send`; of a day ago at most, it means now.

        >>> notifier.reschedule(accepted.id, "2026-12-01 09:00", timezone="Asia/Shanghai")
        <State.SCHEDULED: 'scheduled'>

        Raises NotFound, NotAllowed for one that is not scheduled, and BadInput for a time after it expires.
        """
        if not is_notification(id):
            raise NotFound(id)
        return State(self._backend.reschedule(id, at, timezone))

    def get(self, id: str) -> Record:
        """All that is known of a notification. Raises NotFound, also when its record has expired."""
        return self._backend.get(id)

    def close(self) -> None:
        """Closes its connections. The next call opens new ones."""
        self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _checked(timeout: float) -> float:
    if not 0 < timeout < float("inf"):
        raise BadInput("timeout", Phrase("must be a number of seconds, more than 0"))
    return timeout
