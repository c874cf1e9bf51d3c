"""Records the ledger of a commit: `python -m tests.upgrades.record COMMIT`.

The commit's own commands, web process and worker make it, against today's sandbox and Valkey. They are driven from
outside, by what the contract keeps the same, so this works for old commits and for the next ones. It takes half a
minute.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import requests
from PIL import Image

from ledger.quarters import QUARTER_MS
from ledger.redis_clock import time_ms
from ledger.states import State
from ledger.tally import KEPT_SECONDS, LATE_MS, MINUTE_MS
from tests import surroundings
from tests.acceptance.installation import Installation, eventually
from tests.acceptance.sandbox_process import APP_SECRET, CREDENTIALS
from tests.acceptance.test_any_celery_application import send_task
from tests.acceptance.web_process import WebProcess
from tests.integration.console.console_visitor import Visitor
from tests.upgrades.kept import LEDGERS, Story, keep
from tests.upgrades.tree import committed, short, tree_of

__all__ = ["CALLBACK_URL", "DESKS", "HOOKS", "record"]

#: Stands in the ledger for the receiver of callbacks, which has another port each time.
CALLBACK_URL = "http://127.0.0.1:9/bell"
#: `hr` is slow, so that its announcements are caught half way; `locked` is held for a wrong secret, which its new
#: workers have right.
DESKS = f"""
[desk.hr]
rate = "2/second"
{CREDENTIALS}
[desk.locked]
{CREDENTIALS}
"""
_LOCKED_DESKS = f"{APP_SECRET}-of-another".join(DESKS.rsplit(APP_SECRET, 1))
HOOKS = """
[hook.script]
use = "generic"
to = "ou_hooked"
"""
#: For commits that have digests.
_HOOK_WITH_DIGEST = """
[hook.calm]
use = "generic"
to = "ou_calm"
digest = "1h"
"""
#: A lost lease ends within a minute, and a call is under way for as long as a busy machine needs to look.
_TIMEOUT = "1,25"


class Recording:
    """What is done, and the story of it."""

    def __init__(self, installation: Installation) -> None:
        self.at = installation
        self.story: Story = {}
        self.folder = installation.folder

    def whole(self) -> None:
        self._before_any_worker()
        self.at.start_worker()
        self.at.wait_for_workers(1)
        with WebProcess(self.folder, self.at.environment) as web:
            self._events()
            self._addresses()
            self._joined()
            self._images()
            self._foreign_messages()
            self._empty_cell()
            self._announcements(web)
            self._stops()
            self._told()
            self._over_http(web)
            self._in_the_console(web)
        self._breaking_off()
        self._after_the_worker()

    # -- steps, in their order

    def _before_any_worker(self) -> None:
        if self._has_digests():
            with (self.folder / "hooks.toml").open("a") as file:
                file.write(_HOOK_WITH_DIGEST)
        self._send("expired", "--expires", "1s")
        self._minutes()
        ci = self.at.deskbell_json("key", "create", "--name", "ci", "--rate", "600/minute", *self._scopes())
        self.story["api_key"] = ci["secret"]
        self.story["revoked_key"] = self.at.deskbell_json("key", "create", "--name", "old", *self._scopes())["secret"]
        self.at.deskbell_json("key", "revoke", "old")
        time.sleep(1.5)

    def _minutes(self) -> None:
        """Results in the quarter-hour before, as if a worker had counted them: a leader that comes adds them up."""
        over_ms = (time_ms(self.at.ledger.redis.time()) - 3 * LATE_MS) // QUARTER_MS * QUARTER_MS
        minute = self.at.ledger.keys.tally_minute("default", str(over_ms // MINUTE_MS - 3))
        self.at.ledger.redis.hset(minute, "delivered", 7)
        self.at.ledger.redis.expire(minute, KEPT_SECONDS)

    def _events(self) -> None:
        failure = {"status": 500, "code": 155000, "msg": "Internal error"}
        self.at.sandbox.fault({"prefix": "ou_maybe"}, {"cut": "after"})
        self.at.sandbox.fault({"prefix": "ou_deferred"}, {"answer": failure})
        self.at.sandbox.fault({"prefix": "ou_sending"}, {"delay_ms": 24000})
        self.at.sandbox.ticket("ou_ticket")
        self._send("delivered", "--key", "k-delivered", "--callback-url", CALLBACK_URL, state=State.DELIVERED)
        self._send("rerouted", to="ou_ticket", state=State.DELIVERED)
        self._send("by_user_id", "--user-id-type", "user_id", to="u_bob", state=State.DELIVERED)
        self._send("waiting", "--on-open-ticket", "wait", to="ou_ticket", state=State.DEFERRED)
        self._send("failed", to="ou_unknown_failed", state=State.FAILED)
        self._send("maybe_told", "--on-unknown", "hold", state=State.UNKNOWN)
        self._send("maybe_resent", "--on-unknown", "hold", "--key", "k-maybe", state=State.UNKNOWN)
        self._send("scheduled", "--at", "1h", "--key", "k-scheduled", "--callback-url", CALLBACK_URL)
        self._send("cancelled", "--at", "1h")
        self.at.deskbell_json("cancel", self.story["cancelled"])
        self._send("locked", "--desk", "locked")
        eventually(lambda: self.at.hold("locked"), 10, "a hold of the desk `locked`")

    def _addresses(self) -> None:
        """Events by e-mail and mobile, where the commit has them."""
        if not self._takes_addresses():
            return
        self._send("mailed", "--key", "k-mailed", to="mailed@example.com", state=State.DELIVERED)
        self._send("called", to="+8613800000001", state=State.DELIVERED)
        self._send("mailed_to_nobody", to="unknown.mail@example.com", state=State.FAILED)
        self._send("mailed_later", "--at", "1h", to="later@example.com")

    def _takes_addresses(self) -> bool:
        return "e-mail" in self.at.deskbell("send", "--help").stdout

    def _joined(self) -> None:
        """Events that go into one message, where the commit has that."""
        if not self._has_digests():
            return
        self._send("throttled", "--throttle", "1h", to="ou_throttled", state=State.DELIVERED)
        self._send("throttled_next", "--throttle", "1h", to="ou_throttled", state=State.JOINED)
        for number in range(3):
            name, options = f"joined{number}", ("--digest", "1h", "--callback-url", CALLBACK_URL)
            self._send(name, *options, to="ou_joined", state=State.JOINED)
        self._send("joined_by_mail", "--digest", "1h", "--expires", "1d", to="joined@example.com", state=State.JOINED)

    def _has_digests(self) -> bool:
        return "--digest" in self.at.deskbell("send", "--help").stdout

    def _images(self) -> None:
        Image.new("RGB", (2, 2), "teal").save(self.folder / "poster.png")
        (self.folder / "poster.yaml").write_text("msg_type: image\ncontent: {file: poster.png}\n")
        for name, more in (("image", ()), ("image_later", ("--at", "1h"))):
            command = ("send", "--to", f"ou_{name}", "--message", "poster.yaml", *more)
            self.story[name] = self.at.deskbell_json(*command)["id"]
        self.at.wait_for_state(self.story["image"], State.DELIVERED)

    def _foreign_messages(self) -> None:
        """Nothing can be made of these."""
        for queue in ("deskbell.deliver", "deskbell.intake"):
            self.at.ledger.redis.lpush(queue, "no message of Celery's")
        eventually(lambda: self.at.dropped() == 2, 10, "both counted as dropped")

    def _empty_cell(self) -> None:
        """An empty value that the message needs, where that is accepted: such a row is sent as it was checked then."""
        (self.folder / "empty.csv").write_text("receiver_id,name\nou_empty,\n")
        command = ("announce", "empty.csv", "--text", "Dear {{ name }}.", "--yes", "--at", "1h", "--json")
        done = self.at.deskbell(*command)
        if done.returncode == 0:
            self.story["empty_cell"] = json.loads(done.stdout)["id"]

    def _announcements(self, web: WebProcess) -> None:
        finished = ["ou_fin1", "ou_fin2", "ou_unknown_fin", "ou_maybe_fin"]
        self._announce("finished", finished, "--callback-url", CALLBACK_URL)
        self._wait_for("finished", lambda counts: (counts[State.DELIVERED], counts[State.UNKNOWN]) == (2, 1))
        self._announce("by_mail", ["mail1@example.com", "mail2@example.com"], column="email")
        self._wait_for("by_mail", lambda counts: counts[State.DELIVERED] == 2)
        self._announce("scheduled_rows", _many("later", 5), "--at", "1h")
        self._announce("cancelled_rows", _many("never", 5), "--at", "1h")
        self.at.deskbell_json("cancel", self.story["cancelled_rows"])
        self._announce("hours", _many("hours", 5), "--between", _hours_to_come(), "--timezone", "UTC")
        self._announce("paused", _many("paused", 12), "--desk", "hr")
        self._wait_for("paused", lambda counts: counts[State.DELIVERED] >= 2)
        url = f"{web.url}/v1/announcements/{self.story['paused']}/pause"
        requests.post(url, headers=self._api, timeout=30).raise_for_status()

    def _stops(self) -> None:
        """Announcements that pause by themselves, where the commit has them."""
        if "--stop-at" not in self.at.deskbell("announce", "--help").stdout:
            return
        self._announce("first", _many("first", 5), "--first", "2", "--stop-at", "5%")
        self._wait_for("first", lambda counts: counts[State.DELIVERED] == 2)
        self._announce("resumed", _many("unknown_resumed", 40), "--stop-at", "5%", "--desk", "hr")
        self._wait_for("resumed", lambda counts: counts[State.FAILED] >= 20)
        eventually(lambda: self.at.deskbell_json("show", self.story["resumed"])["state"] == "paused", 5, "paused")
        self.at.deskbell_json("resume", self.story["resumed"])
        self.at.deskbell_json("pause", self.story["resumed"])

    def _told(self) -> None:
        """Tests, and who is told of an end, where the commit has them."""
        if "--notify" not in self.at.deskbell("announce", "--help").stdout:
            return
        self._announce("told", ["ou_told"], "--notify", "ou_boss")
        eventually(lambda: self.at.sandbox.deliveries().get("ou_boss") == 1, 20, "the result is told")
        self._announce("told_later", _many("told_later", 2), "--notify", "ou_boss_later", "--at", "1h")
        self._announce("tested", ["ou_never_sent"], "--test-to", "ou_tested")
        self.at.wait_for_state(self.story["tested"], State.DELIVERED)

    def _over_http(self, web: WebProcess) -> None:
        body = {"receiver_id": "ou_http", "text": "over HTTP"}
        answer = requests.post(
            f"{web.url}/v1/notifications", json=body, headers={**self._api, "Idempotency-Key": "k-http"}
        )
        self.story["http"] = answer.json()["id"]
        self._post(web, "hooked", "script", {"text": "hello"})
        assert requests.post(f"{web.url}/v1/hooks/script", json={"text": "hello"}).status_code == 401
        self.at.wait_for_state(self.story["hooked"], State.DELIVERED)
        if self._has_digests():
            self._alerts(web)

    def _alerts(self, web: WebProcess) -> None:
        """One fires, one has ended, and one has ended in a digest; for a commit without alerts these are texts."""
        ended = {"state": "resolved", "fired_at": "2024-11-22T06:05:00Z", "resolved_at": "2024-11-22T06:25:00Z"}
        for name, hook, of in (
            ("alert_fires", "script", {"alert": "cpu"}),
            ("alert_fired", "script", {"alert": "disk"}),
            ("alert_ended", "script", {"alert": "disk", **ended}),
            ("calm_fired", "calm", {"alert": "disk"}),
            ("calm_ended", "calm", {"alert": "disk", **ended}),
        ):
            self._post(web, name, hook, {"text": f"for {name}", **of})
        self.at.wait_for_state(self.story["alert_ended"], State.DELIVERED)

    def _post(self, web: WebProcess, name: str, hook: str, body: dict[str, str]) -> None:
        answer = requests.post(f"{web.url}/v1/hooks/{hook}", json=body, headers=self._api)
        self.story[name] = answer.json()["accepted"][0]["id"]

    def _in_the_console(self, web: WebProcess) -> None:
        visitor = Visitor(web.url).sign_in(self.story["api_key"])
        self.story["cookies"] = visitor.session.cookies.get_dict()
        self._send("cancelled_there", "--at", "1h")
        visitor.look(f"/notifications/{self.story['cancelled_there']}")
        assert visitor.act(f"/notifications/{self.story['cancelled_there']}/cancel").status_code == 200
        visitor.look("/announcements/new")
        people = {"recipients": ("people.csv", b"receiver_id,name\nou_proposed,Ada\n")}
        page = visitor.act("/announcements/new", text="Dear {{ name }}", name="proposed", files=people)
        assert page.status_code == 200, page.text
        if 'name="token"' in page.text:  # before there were drafts
            self.story["proposal"] = page.text.split('name="token" value="')[1].split('"')[0]
        else:
            self.story["draft"] = page.url.partition("?")[0].rpartition("/")[2]

    def _breaking_off(self) -> None:
        """The worker is killed in the middle of calls, of an announcement, and of waits."""
        self._send("deferred")
        self._send("sending", "--key", "k-sending")
        self._send("sending_held", "--on-unknown", "hold")
        for name, state in (("deferred", State.DEFERRED), ("sending", State.SENDING), ("sending_held", State.SENDING)):
            self.at.wait_for_state(self.story[name], state)
        self._announce("running", _many("running", 20), "--desk", "hr")
        self._wait_for("running", lambda counts: counts[State.DELIVERED] >= 3)
        self.at.workers[0].kill()

    def _after_the_worker(self) -> None:
        for number in range(3):
            self._send(f"queued{number}", "--key", f"k-queued{number}")
        self._send("queued_expiring", "--expires", "30s")
        if self._takes_addresses():
            self._send("mail_waiting", to="mail_waiting@example.com")
            self._send("mail_expiring", "--expires", "30s", to="mail_expiring@example.com")
        if "told_later" in self.story:  # owed, and nobody sends it
            self.at.deskbell_json("cancel", self.story["told_later"])
            self._announce("submitted", _many("submitted", 2), "--draft")
            self.at.deskbell_json("submit", self.story["submitted"])
        fields = {"receiver_id": "ou_intake", "text": "from Celery", "key": "k-intake"}
        send_task(self.at, self.folder, {"fields": fields})
        self.story["deliveries"] = self.at.sandbox.deliveries()

    def _scopes(self) -> list[str]:
        """Before there was `announce`, `send` was that, too."""
        knows_announce = "announce" in self.at.deskbell("key", "create", "--help").stdout
        scopes = ["send", "read", "operate", *(["announce"] if knows_announce else [])]
        return [word for scope in scopes for word in ("--scope", scope)]

    # -- by the command line

    def _send(self, name: str, *options: str, to: str = "", state: State | None = None) -> None:
        command = ("send", "--to", to or f"ou_{name}", "--text", f"for {name}", *options)
        self.story[name] = self.at.deskbell_json(*command)["id"]
        if state:
            self.at.wait_for_state(self.story[name], state)

    def _announce(self, name: str, receivers: Sequence[str], *options: str, column: str = "receiver_id") -> None:
        (self.folder / f"{name}.csv").write_text("\n".join([f"{column},name", *(f"{to},Ada" for to in receivers)]))
        command = ("announce", f"{name}.csv", "--text", "Dear {{ name }}", "--yes", *options)
        self.story[name] = self.at.deskbell_json(*command)["id"]

    def _wait_for(self, name: str, look: Callable[[Mapping[State, int]], bool]) -> None:
        announcements = self.at.ledger.announcements
        eventually(lambda: look(announcements.get(self.story[name]).counts), 20, f"{name} as far as it should be")

    @property
    def _api(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.story['api_key']}"}


def _many(name: str, count: int) -> list[str]:
    return [f"ou_{name}{number}" for number in range(count)]


def _hours_to_come() -> str:
    """From in two hours to in four."""
    hour = time.gmtime().tm_hour
    return f"{(hour + 2) % 24:02}:00-{(hour + 4) % 24:02}:00"


def record(folder: Path, file: Path, story: Story, **environment: str) -> None:
    """Writes the file. `environment` says whose code runs, `story` what the file tells of that."""
    (folder / "desks.toml").write_text(_LOCKED_DESKS)
    (folder / "hooks.toml").write_text(HOOKS)
    files = {"DESKBELL_DESKS": str(folder / "desks.toml"), "DESKBELL_HOOKS": str(folder / "hooks.toml")}
    same = {"TZ": "UTC", "DESKBELL_TIMEOUT": _TIMEOUT, "DESKBELL_RATE": "50/second"}
    with Installation(folder, workers=0, **files, **same, **environment) as installation:
        recording = Recording(installation)
        recording.whole()
        keep(file, installation.ledger.redis, {**story, **recording.story})


def main(commit: str) -> int:
    surroundings.settle()
    file = LEDGERS / f"{short(commit)}.ledger"
    story = {"commit": short(commit), "committed": committed(commit)}
    with tempfile.TemporaryDirectory(prefix="deskbell-record-") as folder:
        record(Path(folder), file, story, PYTHONPATH=str(tree_of(commit, Path(folder))))
    sys.stdout.write(f"{file}: {file.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
