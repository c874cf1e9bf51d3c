"""What a walk through the contacts has found so far: on disk, page by page, so that a walk that was killed goes on.

Only one process has the file of a walk open; another one that walks the same way at the same time has one of its own,
without a name. What a page brings is written in one step with what is left to ask.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import orjson

from feishu.contact import CONTACTS_PER_CALL
from feishu.member import Member

if TYPE_CHECKING:
    from feishu.contact_answers import Department

__all__ = ["FRESH_SECONDS", "RANGE_PEOPLE", "Kind", "Question", "Roster", "Walked"]

#: A walk is continued within this time of its last page, seconds: after it too many may have joined or moved meanwhile,
#: where it has already been.
FRESH_SECONDS = 900
#: Kept among the names of fields: Feishu lists the people who are named one by one in the app's range.
RANGE_PEOPLE = "range"
_SETUP = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;  -- a kill takes nothing of what was written; a power cut may, and then it begins anew
PRAGMA temp_store = FILE;
PRAGMA cache_size = -8000;  -- KiB when negative
-- The number of a question that was withdrawn must not be that of another one, whose answer would count for it.
CREATE TABLE IF NOT EXISTS questions (
  number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, about TEXT NOT NULL, token TEXT,
  restarts INTEGER NOT NULL DEFAULT 0, is_done INTEGER NOT NULL DEFAULT 0, UNIQUE (kind, about)
);
CREATE TABLE IF NOT EXISTS listed (source TEXT, person TEXT, PRIMARY KEY (source, person)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS people (
  number INTEGER PRIMARY KEY, person TEXT NOT NULL UNIQUE, standing TEXT, department TEXT, fields BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS departments (id TEXT PRIMARY KEY, name TEXT, is_asked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS unseen (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS given (name TEXT PRIMARY KEY);
"""
#: Members of groups about whom nothing is known yet.
_STRANGERS = """
SELECT DISTINCT listed.person FROM listed LEFT JOIN people USING (person)
WHERE people.person IS NULL ORDER BY listed.person LIMIT ?
"""

#: People so far, questions that are answered, and all that are known by now.
Walked = Callable[[int, int, int], None]
Kind = Literal["named", "below", "level", "members", "group_people", "group_departments", "range", "people", "names"]


class Question(NamedTuple):
    """One call: about what, and which page. `about` is an id, or several, divided by commas."""

    number: int
    kind: Kind
    about: str
    token: str | None
    restarts: int

    @property
    def ids(self) -> list[str]:
        return self.about.split(",")


class Roster:
    """Close it. Threads may share it one after another."""

    def __init__(self, database: sqlite3.Connection, path: Path | None) -> None:
        self.database = database
        self._path = path

    @classmethod
    def open(cls, path: Path | None, *, clock: Callable[[], float] = time.time) -> Self:
        """That of an earlier walk, if it is fresh; else a new one.

        For None, and where the file cannot be had, it has no name, and is gone with the process.
        """
        if path is not None:
            with suppress(sqlite3.OperationalError, OSError):  # another walk uses it, or it cannot be created
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                _remove_stale(path.parent, clock())
                return cls._of_file(path)
        return cls(_connected(""), None)

    @classmethod
    def _of_file(cls, path: Path) -> Self:
        path.touch(mode=0o600)
        try:
            return cls(_connected(str(path)), path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:  # damaged, by a power cut for instance
            _remove(path)
            return cls(_connected(str(path)), path)

    def close(self, *, keep: bool) -> None:
        """`keep`: the same walk may be continued later."""
        self.database.close()
        if self._path is not None and not keep:
            _remove(self._path)

    @contextmanager
    def one_step(self) -> Iterator[None]:
        """All of it is written or nothing."""
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.database.execute("ROLLBACK")
            raise
        self.database.execute("COMMIT")

    # -- what is left to ask

    def ask(self, kind: Kind, *abouts: str) -> None:
        """Once, however often it comes up."""
        self.database.executemany(
            "INSERT OR IGNORE INTO questions (kind, about) VALUES (?, ?)", [(kind, about) for about in abouts]
        )

    def ask_no_more(self, kind: Kind, about: str) -> None:
        """Unless it has been begun."""
        self.database.execute(
            "DELETE FROM questions WHERE kind = ? AND about = ? AND NOT is_done AND token IS NULL", (kind, about)
        )

    def open_questions(self, most: int) -> list[Question]:
        query = "SELECT number, kind, about, token, restarts FROM questions WHERE NOT is_done ORDER BY number LIMIT ?"
        return [Question(*row) for row in self.database.execute(query, (most,))]

    def note_page(self, question: Question, token: str | None) -> None:
        """`token`: of the page that follows; None when that was the last."""
        self.database.execute(
            "UPDATE questions SET token = ?, is_done = ? WHERE number = ?", (token, token is None, question.number)
        )

    def restart(self, question: Question) -> None:
        """From its first page. People on its earlier pages may not be there now."""
        if question.kind in ("members", "group_people"):
            self.database.execute("DELETE FROM listed WHERE source = ?", (question.about,))
        self.database.execute(
            "UPDATE questions SET token = NULL, restarts = restarts + 1 WHERE number = ?", (question.number,)
        )

    def strangers(self) -> list[str]:
        return [person for (person,) in self.database.execute(_STRANGERS, (CONTACTS_PER_CALL,))]

    def nameless(self) -> list[str]:
        """Departments of people whose names nobody has asked for."""
        query = """
        SELECT DISTINCT department FROM people LEFT JOIN departments ON id = department
        WHERE department NOT IN ('', '0') AND name IS NULL AND coalesce(is_asked, 0) = 0 LIMIT ?
        """
        return [id for (id,) in self.database.execute(query, (CONTACTS_PER_CALL,))]

    def lacks_range_people(self) -> bool:
        """Whether the app's range was asked for, and may name people whom Feishu does not tell it."""
        query = "SELECT EXISTS (SELECT 1 FROM questions WHERE kind = 'range' AND is_done)"
        return bool(self.database.execute(query).fetchone()[0]) and RANGE_PEOPLE not in self._given()

    def progress(self) -> tuple[int, int, int]:
        """People so far, questions that are answered, and all."""
        [found] = self.database.execute(
            "SELECT (SELECT count(*) FROM people), (SELECT total(is_done) FROM questions),"
            " (SELECT count(*) FROM questions)"
        )
        return found[0], int(found[1]), found[2]

    # -- what was found

    def add_people(self, source: str, members: Iterable[Member], names: Sequence[str], *, department: str = "") -> None:
        """`names` are those of the fields that are kept."""
        rows, given = [], set[str]()
        for member in members:
            given.update(name for name in names if name in member.values)
            if member.has_user_id:
                given.add(RANGE_PEOPLE)
            fields = orjson.dumps([member.values.get(name, "") for name in names])
            home = department or next(iter(member.departments), "")
            rows.append((member.open_id, member.standing, home, fields))
        query = "INSERT OR IGNORE INTO people (person, standing, department, fields) VALUES (?, ?, ?, ?)"
        self.database.executemany(query, rows)
        self.note_given(*given)
        if source:
            self.add_listed(source, [row[0] for row in rows])

    def note_given(self, *names: str) -> None:
        """Feishu tells of these fields, or of the people in the app's range."""
        self.database.executemany("INSERT OR IGNORE INTO given VALUES (?)", [(name,) for name in names])

    def add_listed(self, source: str, people: Iterable[str]) -> None:
        """They are members of the department, or the group."""
        self.database.executemany("INSERT OR IGNORE INTO listed VALUES (?, ?)", [(source, person) for person in people])

    def add_departments(self, departments: "Iterable[Department]") -> None:
        rows = [(each.id, each.name) for each in departments]
        query = "INSERT INTO departments VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET name = excluded.name, is_asked = 1"
        self.database.executemany(query, rows)
        if any(name for _, name in rows):
            self.note_given("department")

    def note_asked(self, departments: Iterable[str]) -> None:
        """Their names are not to be had."""
        query = "INSERT INTO departments (id, is_asked) VALUES (?, 1) ON CONFLICT DO UPDATE SET is_asked = 1"
        self.database.executemany(query, [(id,) for id in departments])

    def add_unseen(self, ids: Iterable[str]) -> None:
        """The app may not see what has these ids."""
        self.database.executemany("INSERT OR IGNORE INTO unseen VALUES (?)", [(id,) for id in ids])

    def forget_listed(self, people: Iterable[str]) -> None:
        """Of groups: people whom the app may not see."""
        self.database.executemany("DELETE FROM listed WHERE person = ?", [(person,) for person in people])

    def unseen(self) -> tuple[str, ...]:
        return tuple(id for (id,) in self.database.execute("SELECT id FROM unseen ORDER BY id"))

    def given(self) -> frozenset[str]:
        """Names of the fields that at least one person has, be it empty."""
        return self._given() - {RANGE_PEOPLE}

    def _given(self) -> frozenset[str]:
        return frozenset(name for (name,) in self.database.execute("SELECT name FROM given"))


def _connected(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=0, check_same_thread=False, isolation_level=None)
    try:
        database.executescript(_SETUP)
    except BaseException:
        database.close()
        raise
    return database


def _remove_stale(folder: Path, now: float) -> None:
    """Walks that were given up, whichever audience they were of. One that is under way was written to just now."""
    for path in folder.glob("*.sqlite3"):
        log = path.with_name(f"{path.name}-wal")
        with suppress(FileNotFoundError):  # somebody else has removed it
            written = max(path.stat().st_mtime, log.stat().st_mtime if log.exists() else 0)
            if now - written > FRESH_SECONDS:
                _remove(path)


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)
