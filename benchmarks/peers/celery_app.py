"""Celery as in a tutorial, but careful: late acknowledgement, results in Redis.

`python celery_app.py one|many COUNT` enqueues notifications: one task each, or one per hundred.
"""

import sys

from call import REDIS_URL, TEXT, call
from celery import Celery

app = Celery("celery_app", broker=REDIS_URL, backend=REDIS_URL)
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=4,
    worker_hijack_root_logger=False,
    result_backend_thread_safe=True,
)
A_HUNDRED = 100


@app.task
def send_one(receiver_id, text):
    return call(receiver_id, text)


@app.task
def send_many(receiver_ids, text):
    return [call(receiver_id, text) for receiver_id in receiver_ids]


def main(way, count):
    receivers = [f"ou_{number}" for number in range(count)]
    with app.producer_pool.acquire(block=True) as producer:
        if way == "one":
            for receiver in receivers:
                send_one.apply_async((receiver, TEXT), producer=producer)
        else:
            for start in range(0, count, A_HUNDRED):
                send_many.apply_async((receivers[start : start + A_HUNDRED], TEXT), producer=producer)


if __name__ == "__main__":
    # The task's name must be the one that the worker knows.
    import celery_app

    celery_app.main(sys.argv[1], int(sys.argv[2]))
