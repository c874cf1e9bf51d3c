"""Who of a roster gets the message, and why the others do not: each person once, however often they are listed."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import orjson

from feishu.member import Standing
from ledger.phrases import as_phrase, phrase_json, phrase_of
from producers.announcements.addressing import RowError
from producers.announcements.audience.roster import Roster

__all__ = ["LEFT_OUT", "Counts", "Going", "LeftOut", "Selection"]

#: Why a person is left out. `duplicate`: what lists them once more.
LEFT_OUT = (Standing.FROZEN, Standing.RESIGNED, Standing.NOT_JOINED, "excluded", "duplicate")
# Whom the roster holds may be kept for a walk that goes on; what is asked of it now is not.
_SETUP = """
CREATE TEMP TABLE excluded (person TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE named (line INTEGER PRIMARY KEY, person TEXT, problem BLOB);
CREATE INDEX temp.by_person ON named (person);
"""
#: Each person once, with the first reason that is true.
_FATES = """
SELECT person,
  CASE WHEN standing IN ('frozen', 'resigned', 'not_joined') THEN standing
       WHEN EXISTS (SELECT 1 FROM excluded WHERE excluded.person = met.person) THEN 'excluded' ELSE '' END AS fate
FROM (SELECT person FROM listed UNION SELECT person FROM named WHERE person IS NOT NULL) AS met
LEFT JOIN people USING (person)
"""
_GOING = """
SELECT person, coalesce(departments.name, ''), fields FROM people
LEFT JOIN departments ON departments.id = people.department
WHERE coalesce(standing, 'here') = 'here' AND person IN (SELECT person FROM listed)
  AND NOT EXISTS (SELECT 1 FROM excluded WHERE excluded.person = people.person)
  AND NOT EXISTS (SELECT 1 FROM named WHERE named.person = people.person)
ORDER BY people.number
"""


class Counts(NamedTuple):
    """`listed` counts a person as often as something lists them: departments, groups, rows of the file."""

    listed: int
    left_out: dict[str, int]


class Going(NamedTuple):
    """A person whom no row of the file names; the values of the walk's fields, and the name of a department."""

    person: str
    department: str
    values: list[str]


class LeftOut(NamedTuple):
    """Somebody who gets nothing. `name` is empty where Feishu does not tell it."""

    person: str
    reason: str
    name: str = ""


class Selection:
    """Of one roster. `excluded` people and the rows of the file are given first."""

    def __init__(self, roster: Roster) -> None:
        self._database = roster.database
        self._database.executescript(_SETUP)

    def exclude(self, people: Iterable[str]) -> None:
        query = "INSERT OR IGNORE INTO excluded VALUES (?)"
        self._database.executemany(query, ((person,) for person in people))

    def name(self, line: int, found: str | RowError) -> None:
        """Notes to whom a line of the file goes."""
        if isinstance(found, RowError):
            problem = orjson.dumps([found.column, found.problem], default=phrase_json, option=_PHRASES)
            self._database.execute("INSERT INTO named VALUES (?, NULL, ?)", (line, problem))
        else:
            self._database.execute("INSERT INTO named VALUES (?, ?, NULL)", (line, found))

    def named(self, line: int) -> str | RowError:
        """What was noted."""
        query = "SELECT person, problem FROM named WHERE line = ?"
        person, problem = self._database.execute(query, (line,)).fetchone()
        if problem is None:
            return str(person)
        column, told = orjson.loads(problem)
        return RowError(line, column, as_phrase(phrase_of(told)))

    def last_line(self) -> int:
        found: int = self._database.execute("SELECT coalesce(max(line), 0) FROM named").fetchone()[0]
        return found

    def is_left_out(self, person: str) -> bool:
        query = """
        SELECT EXISTS (SELECT 1 FROM excluded WHERE person = ?1) OR EXISTS (
          SELECT 1 FROM people WHERE person = ?1 AND standing IN ('frozen', 'resigned', 'not_joined'))
        """
        return bool(self._database.execute(query, (person,)).fetchone()[0])

    def known(self, person: str) -> Going | None:
        """What the walk has brought of somebody whom the file names, too."""
        query = """
        SELECT person, coalesce(departments.name, ''), fields FROM people
        LEFT JOIN departments ON departments.id = people.department WHERE person = ?
        """
        row = self._database.execute(query, (person,)).fetchone()
        return Going(row[0], row[1], orjson.loads(row[2])) if row else None

    def going(self) -> Iterator[Going]:
        """In the order in which they were found."""
        for person, department, fields in self._database.execute(_GOING):
            yield Going(person, department, orjson.loads(fields))

    def counts(self) -> Counts:
        by_fate = dict(self._database.execute(f"SELECT fate, count(*) FROM ({_FATES}) GROUP BY fate"))  # noqa: S608
        query = "SELECT (SELECT count(*) FROM listed) + (SELECT count(person) FROM named)"
        listed: int = self._database.execute(query).fetchone()[0]
        left_out = {str(reason): by_fate.get(reason, 0) for reason in LEFT_OUT}
        return Counts(listed, {**left_out, "duplicate": listed - sum(by_fate.values())})

    def left_out(self, most_each: int) -> list[LeftOut]:
        """The first of each reason, except for duplicates."""
        found: list[LeftOut] = []
        for reason in LEFT_OUT[:-1]:
            query = f"SELECT person FROM ({_FATES}) WHERE fate = ? ORDER BY person LIMIT ?"  # noqa: S608
            rows = self._database.execute(query, (reason, most_each))
            found += [LeftOut(person, str(reason)) for (person,) in rows]
        return found

    def knows_every_standing(self) -> bool:
        """Whether Feishu told the status of everybody who was found."""
        query = "SELECT NOT EXISTS (SELECT 1 FROM people WHERE standing IS NULL)"
        return bool(self._database.execute(query).fetchone()[0])


#: A phrase is a text: without this orjson would keep no more of it.
_PHRASES = orjson.OPT_PASSTHROUGH_SUBCLASS
