"""A desk at work in this process: the real worker's parts, a real ledger, and the sandbox for Feishu."""

from collections.abc import Iterator
from contextlib import contextmanager

import orjson
from pydantic import SecretStr

import sandbox
from ledger.announcement import Spec
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.settings import Settings
from worker.runtime import Runtime

__all__ = ["TEXT", "DeskAtWork", "desk_at_work"]

TEXT = "A message that nobody may repeat"


class DeskAtWork:
    """The desk `default`, without limits. Nothing is delivered until the test says so."""

    def __init__(self, settings: Settings) -> None:
        self.runtime = Runtime(settings)
        self.ledger: Ledger = self.runtime.ledger
        self.desk = settings.desk("default").model_copy(update={"rate": ()})

    def send(self, receiver_id: str, **fields: object) -> str:
        """Accepts an event, and gives its id."""
        [accepted] = self.ledger.accept([Notification.build({"receiver_id": receiver_id, "text": TEXT, **fields})])
        return accepted.id

    def announce(self, *receivers: str, **fields: object) -> str:
        """Accepts an announcement, and gives its id."""
        message = {"msg_type": "text", "content": {"text": TEXT}}
        spec = Spec.model_validate({"name": "Office move", "message": message, **fields})
        opened = self.ledger.announcements.open(spec, key=f"{receivers}", digest="1")
        rows = [orjson.dumps([line, receiver, []]) for line, receiver in enumerate(receivers, 1)]
        self.ledger.announcements.load(opened.id, rows)
        self.ledger.announcements.start(opened.id, spec, len(rows))
        return opened.id

    def deliver(self) -> list[str]:
        """Releases all that waits, and delivers it. Returns the ids."""
        [released] = self.runtime.leases.release([(self.desk, 100, 100)])
        self.runtime.delivery("default").deliver(released.ids)
        return released.ids


@contextmanager
def desk_at_work(valkey: Settings, *options: str) -> Iterator[DeskAtWork]:
    """Over this Valkey, and a sandbox with these options."""
    with sandbox.running("--demo", "--rate", "unlimited", *options) as url:
        # Not a copy of the settings: it would have the desks that these have read, if they have.
        settings = Settings(
            data_dir=valkey.data_dir,
            app_id="cli_sandbox",
            app_secret=SecretStr("sandbox-secret"),
            helpdesk_id="1000000000000000000",
            helpdesk_token=SecretStr("ht-sandbox"),
            feishu_url=url,
            rate=(),
            _env_file=None,
        )
        at_work = DeskAtWork(settings)
        yield at_work
        # Its connections are those of this thread, which no worker ends as long as it runs.
        at_work.runtime.delivery("default")._feishu.close()  # type: ignore[attr-defined]
        at_work.runtime.counters.close()
        at_work.ledger.redis.close()
