"""The names of the Redis keys. Verbs build theirs in Lua (`ledger/lua/`); `docs/lifecycle.md` has the table."""

import hashlib
import re

from ledger.phrases import Phrase

__all__ = ["RedisKeys", "checked_prefix", "has_hash_tag", "key_digest"]

#: The part in braces is the hash tag of a cluster. An empty one would be none, and of two only the first counts.
_PREFIX = re.compile(r"[\w.-]*(?:\{[\w.-]+\}[\w.-]*)?", re.ASCII)


class RedisKeys:
    """Every key starts with the prefix and a colon."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.desks = self("desks")
        self.wake = self("wake")
        self.unresolved_desks = self("unresolved")
        self.wake_unresolved = self("wake", "unresolved")
        self.events = self("events")
        self.announcements = self("announcements")
        self.drafts = self("drafts")
        self.schema = self("schema")
        self.damaged = self("damaged")
        self.aof = self("aof")
        self.clock = self("clock")
        self.probe = self("probe")
        self.waitaof = self("waitaof")
        self.leader = self("leader")
        self.workers, self.servers = self("workers"), self("servers")
        self.dropped = self("dropped")
        self.dropped_messages = self("dropped", "messages")
        self.dropped_seen = self("dropped", "seen")
        self.unread_lists = self("dropped", "unread")
        self.api_keys = self("api_keys")
        self.api_key_uses = self("api_keys", "uses")
        self.acts = self("acts")
        self.hook_log = self("hooks")
        self.hook_refusals = self("hooks", "refused")
        self.callbacks = self("callbacks")
        self.callback_owners = self("callbacks", "owners")
        self.notices = self("notices")
        self.callbacks_dropped = self("callbacks", "dropped")

    def __call__(self, *parts: str) -> str:
        return ":".join((self.prefix, *parts))

    def api_key_rate(self, limit: str) -> str:
        return self("rate", limit)

    def test_answer(self, key_id: str, digest: str) -> str:
        return self("api_keys", "test", key_id, digest)

    def sign_in_link(self, digest: str) -> str:
        return self("link", digest)

    def sign_in_links(self, key_id: str) -> str:
        return self("links", key_id)

    def session(self, digest: str) -> str:
        return self("session", digest)

    def sessions(self, digest: str) -> str:
        return self("sessions", digest)

    def sign_ins(self, address: str) -> str:
        return self("sign_ins", address)

    def draft_notes(self, draft: str) -> str:
        return self("draft", draft, "notes")

    def drafts_of(self, author: str) -> str:
        return self("drafts", "of", author)

    def callbacks_of(self, owner: str) -> str:
        return self("callbacks", "of", owner)

    def callback(self, name: str) -> str:
        return self("callback", name)

    def index(self, state: str) -> str:
        return self(state)

    def notification(self, id: str) -> str:
        return self("n", id)

    def joined(self, id: str) -> str:
        return self("joined", id)

    def joined_lines(self, id: str) -> str:
        return self("joined", id, "lines")

    def joined_fired(self, id: str) -> str:
        return self("joined", id, "fired")

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

    def quarters(self, desk: str) -> str:
        return self("desk", desk, "quarters")

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

    def person(self, app: str, digest: str) -> str:
        return self("person", app, digest)

    def addresses_of(self, app: str, open_id: str) -> str:
        return self("person", app, "of", open_id)

    def walked_names(self, app: str) -> str:
        return self("person", app, "names")

    def contact_calls(self, app: str, api: str) -> str:
        return self("app", app, "calls", api)

    def unresolved(self, desk: str) -> str:
        return self("desk", desk, "unresolved")

    def unresolved_ends(self, desk: str) -> str:
        return self("desk", desk, "unresolved", "ends")

    def ended(self, desk: str) -> str:
        return self("desk", desk, "ended")

    def lane(self, lane: str) -> str:
        return self("lane", lane)

    def rows(self, announcement: str) -> str:
        return self("rows", announcement)

    def row_index(self, announcement: str, state: str) -> str:
        return self("lane", announcement, state)

    def turns(self, desk: str) -> str:
        return self("desk", desk, "turns")

    def due_rows(self, announcement: str) -> str:
        return self("lane", announcement, "due")

    def waiting(self, lane: str) -> str:
        return self("lane", lane, "ids")

    def content(self, desk: str, digest: str) -> str:
        return self("content", desk, digest)

    def templates(self, desk: str) -> str:
        return self("desk", desk, "templates")

    def template(self, desk: str, name: str) -> str:
        return self("desk", desk, "template", name)

    def template_variables(self, desk: str, name: str) -> str:
        return self("desk", desk, "template", name, "variables")

    def image(self, sha256: str) -> str:
        return self("image", sha256)

    def image_key(self, desk: str, sha256: str) -> str:
        return self("desk", desk, "image", sha256)


def key_digest(text: str) -> str:
    """What stands in a key for a text from outside, which may be long, or hold anything. 32 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def checked_prefix(text: str) -> str:
    """The value of DESKBELL_PREFIX. Raises ValueError."""
    if not text or not _PREFIX.fullmatch(text):
        raise ValueError(
            Phrase(
                "use letters of the English alphabet, digits, '_', '.' and '-', at least one, and at most one part of"
                " these in braces"
            )
        )
    return text


def has_hash_tag(prefix: str) -> bool:
    """Whether all keys with this checked prefix are in one slot of a cluster."""
    return "{" in prefix
