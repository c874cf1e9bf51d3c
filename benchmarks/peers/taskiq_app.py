"""taskiq on a Redis stream, acknowledged when done, the result in Redis.

`python taskiq_app.py COUNT` enqueues notifications.
"""

import asyncio
import sys

from call import REDIS_URL, TEXT, call
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

broker = RedisStreamBroker(REDIS_URL, consumer_id="0").with_result_backend(RedisAsyncResultBackend(REDIS_URL))


@broker.task(task_name="send_one")
def send_one(receiver_id: str, text: str) -> str:
    return call(receiver_id, text)


async def main(count):
    await broker.startup()
    for start in range(0, count, 100):
        await asyncio.gather(*(send_one.kiq(f"ou_{number}", TEXT) for number in range(start, start + 100)))
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
