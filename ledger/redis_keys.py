"""The names of the Redis keys. Verbs build theirs in Lua (`ledger/lua/`); `docs/lifecycle.md` has the table."""

from dataclasses import dataclass

__all__ = ["RedisKeys"]


@dataclass(frozen=True, slots=True)
class RedisKeys:
    """Every key starts with the prefix and a colon."""

    prefix: str

    def __call__(self, *parts: str) -> str:
        return ":".join((self.prefix, *parts))

    @property
    def desks(self) -> str:
        return self("desks")

    @property
    def wake(self) -> str:
        return self("wake")

    @property
    def events(self) -> str:
        return self("events")

    @property
    def announcements(self) -> str:
        return self("announcements")

    @property
    def schema(self) -> str:
        return self("schema")

    @property
    def damaged(self) -> str:
        return self("damaged")

    @property
    def aof(self) -> str:
        return self("aof")

    @property
    def clock(self) -> str:
        return self("clock")

    @property
    def waitaof(self) -> str:
        return self("waitaof")

    @property
    def leader(self) -> str:
        return self("leader")

    @property
    def workers(self) -> str:
        return self("workers")

    @property
    def dropped(self) -> str:
        return self("dropped")

    @property
    def api_keys(self) -> str:
        return self("api_keys")

    @property
    def api_key_uses(self) -> str:
        return self("api_keys", "uses")

    def api_key_rate(self, limit: str) -> str:
        return self("rate", limit)

    @property
    def acts(self) -> str:
        return self("acts")

    def session(self, digest: str) -> str:
        return self("session", digest)

    def sessions(self, digest: str) -> str:
        return self("sessions", digest)

    def sign_ins(self, address: str) -> str:
        return self("sign_ins", address)

    def proposal(self, digest: str) -> str:
        return self("proposal", digest)

    @property
    def hook_log(self) -> str:
        return self("hooks")

    @property
    def hook_refusals(self) -> str:
        return self("hooks", "refused")

    @property
    def callbacks(self) -> str:
        return self("callbacks")

    @property
    def callback_owners(self) -> str:
        return self("callbacks", "owners")

    def callbacks_of(self, owner: str) -> str:
        return self("callbacks", "of", owner)

    @property
    def callbacks_dropped(self) -> str:
        return self("callbacks", "dropped")

    def callback(self, name: str) -> str:
        return self("callback", name)

    def index(self, state: str) -> str:
        return self(state)

    def notification(self, id: str) -> str:
        return self("n", id)

    def key(self, desk: str, digest: str) -> str:
        return self("key", desk, digest)

    def desk(self, desk: str) -> str:
        return self("desk", desk)

    def slots(self, desk: str) -> str:
        return self("desk", desk, "slots")

    def due(self, desk: str) -> str:
        return self("desk", desk, "due")

    def calls(self, desk: str) -> str:
        return self("desk", desk, "calls")

    def tally(self, desk: str) -> str:
        return self("desk", desk, "tally")

    def tally_minute(self, desk: str, minute: str) -> str:
        return self("desk", desk, "tally", minute)

    def share(self, desk: str) -> str:
        return self("desk", desk, "share")

    def leases(self, desk: str) -> str:
        return self("desk", desk, "leases")

    def tickets(self, desk: str) -> str:
        return self("desk", desk, "tickets")

    def tickets_turn(self, desk: str) -> str:
        return self("desk", desk, "tickets", "turn")

    def open_id(self, fingerprint: str, user_id_type: str, user_id: str) -> str:
        return self("open_id", fingerprint, user_id_type, user_id)

    def person(self, desk: str, digest: str) -> str:
        return self("desk", desk, "person", digest)

    def asking(self, desk: str) -> str:
        return self("desk", desk, "asking")

    def lane(self, lane: str) -> str:
        return self("lane", lane)

    def rows(self, announcement: str) -> str:
        return self("rows", announcement)

    def row_index(self, announcement: str, state: str) -> str:
        return self("lane", announcement, state)

    def turns(self, desk: str) -> str:
        return self("desk", desk, "turns")

    def waiting(self, lane: str) -> str:
        return self("lane", lane, "ids")

    def content(self, desk: str, digest: str) -> str:
        return self("content", desk, digest)

    def image(self, sha256: str) -> str:
        return self("image", sha256)

    def image_key(self, desk: str, sha256: str) -> str:
        return self("desk", desk, "image", sha256)
