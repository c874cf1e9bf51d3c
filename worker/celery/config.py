"""Celery's configuration, read when it is first needed. Celery takes every lower-case name of this module.

Messages are wake-up calls that carry ids, so nothing here tries to make them reliable: the ledger's leases make up for
a lost, doubled or late one.
"""

import sys
from typing import Any

from kombu.entity import Exchange, Queue

from ledger.connection import CONNECT_SECONDS
from ledger.errors import BadInput, LedgerUnreachable
from ledger.private import check_socket
from ledger.queues import PRIORITY_STEPS
from ledger.settings import Settings
from ledger.settings_in_force import unknown_variables
from worker.celery.broker import broker_url_of, tls_of, transport_options_of
from worker.celery.message_filter import install_filter
from worker.celery.queues import DELIVER, SEND, Queues
from worker.runtime import runtime

#: The exit codes for a wrong setting, and for another user's socket, as the commands have them.
BAD_INPUT, UNREACHABLE = 2, 3


def _settings_or_exit() -> Settings:
    """Celery would print its own traceback, with the name of the wrong variable at the bottom."""
    try:
        settings = runtime().settings
        if settings.embedded:  # kombu makes its own connections, and does not check the owner
            check_socket(settings.data_dir.absolute(), settings.socket_path)
    except (BadInput, LedgerUnreachable) as error:
        sys.stderr.write(f"deskbell: {error}\n")
        sys.exit(BAD_INPUT if isinstance(error, BadInput) else UNREACHABLE)
    for problem in unknown_variables(settings):
        sys.stderr.write(f"deskbell: {problem}\n")
    return settings


install_filter()
_settings = _settings_or_exit()
_queues = Queues(_settings.prefix)

#: A half-open connection of the consumer is noticed after up to twice the first and a second; anything it asks
#: meanwhile waits for the second. Until then its worker receives nothing, so both are short, seconds.
BROKER_IDLE_SECONDS, BROKER_ANSWER_SECONDS = 2, 3

broker_url = broker_url_of(_settings.redis)
broker_use_ssl = tls_of(_settings.redis)
broker_transport_options: dict[str, Any] = {
    # kombu's own bookkeeping lives under the prefix too. The queues themselves must not be renamed by
    # `global_keyprefix`: other applications send to them by name.
    "unacked_key": f"{_settings.prefix}:celery:unacked",
    "unacked_index_key": f"{_settings.prefix}:celery:unacked_index",
    "unacked_mutex_key": f"{_settings.prefix}:celery:unacked_mutex",
    "unacked_mutex_expire": 30,
    # Deskbell broadcasts nothing. With gossip or task events switched on, their channels are under the prefix.
    "fanout_prefix": f"{_settings.prefix}:celery:fanout:",
    # Only the intake relies on this: if a worker dies with such a message, another gets it after this.
    "visibility_timeout": 60,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # Without these a half-open connection hangs the worker for ever.
    "socket_timeout": BROKER_ANSWER_SECONDS,
    "socket_connect_timeout": CONNECT_SECONDS,
    "health_check_interval": BROKER_IDLE_SECONDS,
    "priority_steps": list(PRIORITY_STEPS),
    "queue_order_strategy": "priority",
    **transport_options_of(_settings.redis),
}
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
#: A full Redis, or a script error, must not end the worker.
broker_channel_error_retry = True

result_backend = None
task_ignore_result = True
task_serializer = "json"
accept_content = ["json"]
task_acks_late = False
task_default_queue = _queues.deliver
task_queues = tuple(
    Queue(name, Exchange(name, type="direct"), routing_key=name)  # type: ignore[no-untyped-call]
    for name in (_queues.deliver, _queues.intake)
)
task_routes = {DELIVER: {"queue": _queues.deliver}, SEND: {"queue": _queues.intake}}
task_create_missing_queues = False
task_publish_retry_policy = {"max_retries": 2, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.3}

worker_pool = "threads"
worker_concurrency = _settings.concurrency
worker_prefetch_multiplier = 1
worker_send_task_events = False
#: Any application that may write to this Redis could stop the workers with it, and its mailboxes are named after hosts.
worker_enable_remote_control = False
event_queue_prefix = f"{_settings.prefix}:celery:events"
worker_cancel_long_running_tasks_on_connection_loss = False
worker_hijack_root_logger = True
