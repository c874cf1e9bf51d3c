"""dramatiq with its Redis broker, acknowledged when done, the result in Redis.

`python dramatiq_app.py COUNT` enqueues notifications.
"""

import sys

import dramatiq
from call import REDIS_URL, TEXT, call
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends.redis import RedisBackend

broker = RedisBroker(url=REDIS_URL)
broker.add_middleware(Results(backend=RedisBackend(url=REDIS_URL)))
dramatiq.set_broker(broker)


@dramatiq.actor(store_results=True)
def send_one(receiver_id, text):
    return call(receiver_id, text)


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        send_one.send(f"ou_{number}", TEXT)
