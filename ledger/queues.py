"""The names of the Celery queues, and of the lists in Redis that workers read of them."""

from functools import cache

__all__ = ["PRIORITY_STEPS", "deliver_queue", "intake_queue", "list_of", "lists_of"]

#: Between the name of a queue and a priority in the names of lists: kombu's default, and that of Celery's manual. A
#: sender divides priorities 0 to 9 into steps by its own settings, so each of them may have a list.
_SEPARATORS = ("\x06\x16", ":")
_PRIORITIES = 10
#: Each stands for one list of a queue; 0 is the queue's own, and comes first.
PRIORITY_STEPS = tuple(range(1 + len(_SEPARATORS) * (_PRIORITIES - 1)))


def deliver_queue(prefix: str) -> str:
    """From the pacer to the workers; almost empty at all times."""
    return f"{prefix}.deliver"


def intake_queue(prefix: str) -> str:
    """From other Celery applications."""
    return f"{prefix}.intake"


@cache
def list_of(queue: str, step: int) -> str:
    """The list of a queue that messages of one step of priority lie in."""
    if step == 0:
        return queue
    separator, priority = divmod(step - 1, _PRIORITIES - 1)
    return f"{queue}{_SEPARATORS[separator]}{priority + 1}"


@cache
def lists_of(queue: str) -> frozenset[str]:
    """All that workers read of a queue."""
    return frozenset(list_of(queue, step) for step in PRIORITY_STEPS)
