"""`make demo`: all of Deskbell on this machine, against the sandbox, with everything that can go wrong.

`deskbell up --sandbox` starts a Valkey, two Celery workers and a simulated Feishu; 60 notifications go out at a quota
of 40 calls in 10 seconds.
"""

import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import orjson
import requests
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deskbell import Notifier, Outcome, Record, State

#: The quota of the demo: high enough to finish soon, low enough to see it kept.
RATE = "40/10second"
#: Feishu's code for a call over the quota.
THROTTLED = 99991400
#: Far more than it takes, for a machine that is busy.
UP_SECONDS = 120
DONE_SECONDS = 55

SANDBOX_SAYS = """\
The sandbox received {calls} calls, checked every rolling window of 10 s,
and had to refuse {refused} of them."""
NEXT = """\
[bold]Next[/bold]: `.venv/bin/deskbell up --sandbox` in one terminal, and in another
  .venv/bin/deskbell send --to ou_ada --text Hello --wait
  .venv/bin/deskbell list --notifications
README.md says how to use your own helpdesk.
The console, while it is up: http://127.0.0.1:8480/console/"""
#: Of what this example says, where DESKBELL_LANG or the locale asks for it.
CHINESE = {
    "[bold]Deskbell demo[/bold]: a Valkey, two workers and the sandbox, quota {rate}": (
        "[bold]Deskbell 演示[/bold]：一个 Valkey、两个工作进程和模拟飞书，配额 {rate}"
    ),
    "{n} notifications accepted and fsynced; the workers take them from Redis": (
        "{n} 条通知已受理并落盘；工作进程从 Redis 取走它们"
    ),
    "deskbell up did not start within {n} s. What it said is above.": "deskbell up 在 {n} 秒内没有启动。它的输出见上。",
    "open ticket: rerouted from chat to user": "工单未关闭：从 chat 改发 user",
    "call cut, maybe sent: recorded, and sent again by policy": "调用被切断，可能已发送：已记录，并按策略再发一次",
    "155000: retried": "155000：已重试",
    "delivered by the first call": "第一次调用就已送达",
    "refused: {answer}": "被拒绝：{answer}",
    "state": "状态",
    "what happened": "经过",
    "count": "条数",
    "calls": "调用次数",
    "example": "示例",
    "Outcomes": "结果",
    ", ": "，",
    "The attempts of {id}": "{id} 的各次尝试",
    "stopped; no process is left running": "已停止；没有留下任何进程",
    SANDBOX_SAYS: "模拟飞书收到 {calls} 次调用，逐个核对了每 10 秒的滑动窗口，\n其中拒绝了 {refused} 次。",
    NEXT: """\
[bold]下一步[/bold]：在一个终端里运行 `.venv/bin/deskbell up --sandbox`，在另一个终端里运行
  .venv/bin/deskbell send --to ou_ada --text 你好 --wait
  .venv/bin/deskbell list --notifications
如何接入你自己的服务台，见 README.zh-CN.md。
运行期间的控制台：http://127.0.0.1:8480/console/""",
}

#: The same of states, outcomes and columns.
CHINESE_WORDS: dict[str, str] = {
    State.SCHEDULED: "定时发送",
    State.QUEUED: "排队中",
    State.SENDING: "发送中",
    State.DEFERRED: "已推迟",
    State.UNKNOWN: "可能已发送",
    State.DELIVERED: "已送达",
    State.FAILED: "失败",
    State.EXPIRED: "已过期",
    State.CANCELLED: "已取消",
    State.JOINED: "已合并",
    Outcome.REFUSED: "被拒绝",
    Outcome.TRANSIENT: "暂时失败",
    Outcome.THROTTLED: "被限流",
    Outcome.TICKET_OPEN: "工单未关闭",
    "via": "方式",
    "outcome": "结果",
    "code": "错误码",
    "ms": "毫秒",
}

console = Console()


def is_chinese() -> bool:
    chosen = next(filter(None, map(os.environ.get, ("DESKBELL_LANG", "LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return chosen.lower().startswith("zh")


def word(name: str) -> str:
    return CHINESE_WORDS[name] if is_chinese() else name


def say(english: str, **values: object) -> str:
    return (CHINESE[english] if is_chinese() else english).format_map(values)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="deskbell-demo-") as folder:
        data_dir = Path(folder)
        environment = {**os.environ, "DESKBELL_DATA_DIR": folder, "DESKBELL_RATE": RATE, "DESKBELL_WORKERS": "2"}
        environment["DESKBELL_PORT"] = "0"  # any free one
        environment.pop("DESKBELL_REDIS_URL", None)
        os.environ.update(environment)
        os.environ.pop("DESKBELL_REDIS_URL", None)
        console.print(say("[bold]Deskbell demo[/bold]: a Valkey, two workers and the sandbox, quota {rate}", rate=RATE))
        with everything_up(environment, data_dir / "up.log") as up:
            notifier = Notifier.from_env()
            ids = send_all(notifier, picture_in(data_dir))
            console.print(say("{n} notifications accepted and fsynced; the workers take them from Redis", n=len(ids)))
            records = follow(notifier, ids)
            show(records, up["sandbox"])
    return 0 if all(record.progress.state.is_final for record in records) else 1


@contextmanager
def everything_up(environment: dict[str, str], log: Path) -> Iterator[dict[str, Any]]:
    """Runs `deskbell up --sandbox`, and stops it afterwards. Yields the JSON it prints when it is ready."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("deskbell"), "up", "--sandbox", "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=output,
            # ctrl-C must reach it only once, from here, and not from the terminal too: a second one means "hurry".
            process_group=0,
        )
    try:
        yield first_line(cast(IO[bytes], process.stdout), log)
    finally:
        process.terminate()
        process.wait()


def first_line(output: IO[bytes], log: Path) -> dict[str, Any]:
    readable, _, _ = select.select([output], [], [], UP_SECONDS)
    line = output.readline() if readable else b""
    if not line:
        console.print(log.read_text("utf-8", "replace"), markup=False)
        raise SystemExit(say("deskbell up did not start within {n} s. What it said is above.", n=UP_SECONDS))
    ready: dict[str, Any] = orjson.loads(line)
    return ready


def picture_in(folder: Path) -> Path:
    path = folder / "plan.png"
    Image.new("RGB", (64, 48), "steelblue").save(path)
    return path


def send_all(notifier: Notifier, picture: Path) -> list[str]:
    """Sends sixty notifications of all four kinds. A receiver's id tells the sandbox what to do."""
    post = {"post": {"zh_cn": {"title": "办公室搬迁", "content": [[{"tag": "text", "text": "周五搬到六楼。"}]]}}}
    card = {
        "header": {"title": {"tag": "plain_text", "content": "Laptop ready"}, "template": "green"},
        "elements": [{"tag": "div", "text": {"tag": "lark_md", "content": "Pick it up at the **service desk**."}}],
    }
    messages: list[dict[str, Any]] = [
        {"text": "Disk full on db-3"},
        {"message": {"msg_type": "post", "content": post}},
        {"image": picture},
        {"message": {"msg_type": "interactive", "content": card}},
    ]
    receivers = [f"ou_person{n:02}" for n in range(46)]
    receivers += [f"ou_ticket{n}" for n in range(6)] + [f"ou_flaky{n}" for n in range(6)] + ["ou_unknown1", "ou_cut1"]
    return [
        notifier.send(receiver_id=receiver, key=f"demo/{receiver}", **messages[n % 4]).id
        for n, receiver in enumerate(receivers)
    ]


def follow(notifier: Notifier, ids: list[str]) -> list[Record]:
    deadline = time.monotonic() + DONE_SECONDS
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=len(ids))
        while True:
            records = [notifier.get(id) for id in ids]
            counts = Counter(record.progress.state for record in records)
            resting = sum(number for state, number in counts.items() if state.is_final or state is State.UNKNOWN)
            description = say(", ").join(f"{n} {word(state)}" for state, n in sorted(counts.items()))
            progress.update(bar, completed=resting, description=description)
            if resting == len(ids) or time.monotonic() > deadline:
                return records
            time.sleep(0.2)


def story_of(record: Record) -> str:
    """What happened to a notification, by its attempts."""
    outcomes = [attempt.outcome for attempt in record.progress.attempts]
    if Outcome.TICKET_OPEN in outcomes:
        return say("open ticket: rerouted from chat to user")
    if Outcome.UNKNOWN in outcomes:
        return say("call cut, maybe sent: recorded, and sent again by policy")
    if Outcome.TRANSIENT in outcomes:
        return say("155000: retried")
    if record.progress.state is State.FAILED:
        return say(
            "refused: {answer}", answer=f"{record.progress.attempts[-1].code} {record.progress.attempts[-1].msg}"
        )
    return say("delivered by the first call")


def show(records: list[Record], sandbox: str) -> None:
    stories: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        stories.setdefault((str(record.progress.state), story_of(record)), []).append(record)
    columns = ("state", "what happened", "count", "calls", "example")
    table = Table(*map(say, columns), title=say("Outcomes"))
    for (state, story), group in sorted(stories.items(), key=lambda item: -len(item[1])):
        calls = sum(len(record.progress.attempts) for record in group)
        table.add_row(
            word(state), story, str(len(group)), str(calls), f"{group[0].id} {group[0].notification.receiver_id}"
        )
    console.print(table)
    with_retries = max(records, key=lambda record: len(record.progress.attempts))
    columns = ("via", "outcome", "code", "ms")
    attempts = Table(*map(word, columns), title=say("The attempts of {id}", id=with_retries.id))
    for attempt in with_retries.progress.attempts:
        attempts.add_row(str(attempt.via), word(attempt.outcome), str(attempt.code), str(attempt.ms))
    console.print(attempts)
    stats = requests.get(f"{sandbox}/sandbox/stats", timeout=10).json()
    received = stats["calls"]["message"]
    refused, calls = received.get(str(THROTTLED), 0), sum(received.values())
    console.print(say(SANDBOX_SAYS, calls=calls, refused=refused))
    console.print(say(NEXT))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        console.print(say("stopped; no process is left running"))
        sys.exit(130)
