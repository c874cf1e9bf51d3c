"""`python -m feishu.subscribe [--desk D]`: has Feishu push the ticket events of a desk's helpdesk.

Prints one JSON object, `{"desk": …, "events": [{type, subtype}]}`. The exit code is 0, or 1 with one line on stderr
when Feishu refuses or does not answer, and 2 for wrong settings. Redis is not needed. No secret is printed.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import orjson

from feishu.checkup import NoStore
from feishu.client import FeishuClient
from feishu.codes import CodeTable
from feishu.errors import AskFailed
from feishu.lookup import told
from feishu.query_retry import QueryRetry
from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput
from ledger.settings import Settings

__all__ = ["EVENTS", "main"]

#: What the open-ticket index is fed with. Feishu's documents show the form of `helpdesk.ticket_message` alone; other
#: clients subscribe to tickets by these names.
EVENTS = (("helpdesk.ticket", "ticket.created_v1"), ("helpdesk.ticket", "ticket.updated_v1"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Subscribes, and gives the exit code."""
    parser = argparse.ArgumentParser(prog="feishu.subscribe", description="Have Feishu push ticket events.")
    parser.add_argument("--desk", metavar="D", default=DEFAULT_DESK)
    try:
        answer = _subscribe(parser.parse_args(arguments).desk)
    except (AskFailed, BadInput) as error:
        sys.stderr.write(f"feishu.subscribe: {told(error)}\n")
        return 2 if isinstance(error, BadInput) else 1
    sys.stdout.buffer.write(orjson.dumps(answer) + b"\n")
    return 0


def _subscribe(desk_name: str) -> dict[str, Any]:
    settings = Settings.from_env()
    desk = settings.desk(desk_name)
    if desk.missing:
        raise BadInput(f"desk {desk.name}", f"not set: {', '.join(desk.missing)}")
    connect_seconds, answer_seconds = settings.timeout
    codes = CodeTable.load(settings.error_codes)
    client = FeishuClient(desk, NoStore(), connect_seconds=connect_seconds, answer_seconds=answer_seconds, codes=codes)
    QueryRetry()(client.subscribe, EVENTS)
    return {"desk": desk.name, "events": [{"type": kind, "subtype": subtype} for kind, subtype in EVENTS]}


if __name__ == "__main__":
    sys.exit(main())
