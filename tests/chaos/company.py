"""The company of a run, and who belongs to an audience in it: worked out here from the file that the sandbox reads."""

import json
import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = ["KINDS", "Audience", "Company", "of_an_audience"]

#: How people behave as receivers, by the beginning of their ids, and how often each kind is drawn: see
#: `tests.chaos.traffic`.
KINDS = {"plain": 66, "ticket": 10, "flaky": 9, "cut": 6, "slow": 6, "late": 3}
#: Nobody but the active ones is sent to.
_STATUSES = {"active": 85, "frozen": 3, "resigned": 4, "exited": 2, "not_activated": 4, "unjoin": 2}
#: Departments directly below another; those of a person, at most; people of a group.
_BREADTH, _MOST_DEPARTMENTS, _GROUP_PEOPLE = 4, 3, 5
#: Of all people, those directly in the company.
_WITHOUT_DEPARTMENT = 0.1


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom an announcement goes to, by the ids that the sandbox's file has. `exclude` are people."""

    departments: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    everyone: bool = False
    direct: bool = False
    exclude: tuple[str, ...] = ()

    def arguments(self) -> dict[str, Any]:
        """As `Notifier.announce` takes them. Every other person is excluded by e-mail address."""
        excluded = [f"{id}@corp.example" if at % 2 else f"ou_{id}" for at, id in enumerate(self.exclude)]
        given = {
            "departments": [f"od-{id}" for id in self.departments], "groups": [*self.groups],
            "everyone": self.everyone, "direct": self.direct, "exclude": excluded,
        }  # fmt: skip
        return {name: value for name, value in given.items() if value}


class Company:
    """Of so many people, in half as many departments."""

    def __init__(self, seed: int, people: int) -> None:
        rng = random.Random(f"company {seed}")
        count = people // 2
        self.parents = {f"d{number}": f"d{(number - 1) // _BREADTH}" if number else "" for number in range(count)}
        self.people = {person["id"]: person for person in (self._person(rng, number) for number in range(people))}
        self.groups = {id: self._group(rng, id) for id in ("g-one", "g-two", "g-three")}

    def _person(self, rng: random.Random, number: int) -> dict[str, Any]:
        [kind], [status] = (rng.choices(list(each), list(each.values())) for each in (KINDS, _STATUSES))
        id = f"{kind}-p{number}"
        somewhere = rng.sample(list(self.parents), rng.randint(1, _MOST_DEPARTMENTS))
        departments = [] if rng.random() < _WITHOUT_DEPARTMENT else somewhere
        return {
            "id": id, "name": id, "email": f"{id}@corp.example", "status": status, "departments": departments,
        }  # fmt: skip

    def _group(self, rng: random.Random, id: str) -> dict[str, Any]:
        return {
            "id": id,
            "name": id,
            "people": rng.sample(list(self.people), _GROUP_PEOPLE),
            "departments": rng.sample(list(self.parents), rng.randint(0, 2)),
        }

    def as_json(self) -> str:
        """A file for `--directory`."""
        departments = [{"id": id, "parent": parent} if parent else {"id": id} for id, parent in self.parents.items()]
        groups = list(self.groups.values())
        return json.dumps({"department": departments, "person": list(self.people.values()), "group": groups})

    def audience(self, rng: random.Random, number: int) -> Audience:
        """Those of a run have each form in turn."""
        departments = tuple(rng.sample(list(self.parents), 3))
        groups = tuple(rng.sample(list(self.groups), rng.randint(1, 2)))
        some = tuple(rng.sample(list(self.people), len(self.people) // 10))
        forms = (
            Audience(everyone=True, exclude=some),
            Audience(departments=departments, groups=groups),
            Audience(groups=groups),
            Audience(departments=departments, direct=True, exclude=some),
            Audience(departments=departments[:1], groups=groups, everyone=True),
        )
        return forms[number % len(forms)]

    def members(self, audience: Audience) -> list[str]:
        """Their ids, each once. Nobody else may get the message."""
        listed = set(self._listed(audience)) - set(audience.exclude)
        return [id for id, person in self.people.items() if id in listed and person["status"] == "active"]

    def _listed(self, audience: Audience) -> Iterator[str]:
        if audience.everyone:
            yield from self.people
        yield from self._of_departments(audience.departments, direct=audience.direct)
        for group in map(self.groups.__getitem__, audience.groups):
            yield from group["people"]
            yield from self._of_departments(group["departments"])

    def _of_departments(self, named: Iterable[str], *, direct: bool = False) -> Iterator[str]:
        within = set(named) if direct else {id for id in self.parents if not self._and_above(id).isdisjoint(named)}
        for id, departments in self._departments_of.items():
            if not within.isdisjoint(departments):
                yield id

    def _and_above(self, department: str) -> set[str]:
        found = set()
        while department:
            found.add(department)
            department = self.parents[department]
        return found

    @cached_property
    def _departments_of(self) -> Mapping[str, list[str]]:
        return {id: person["departments"] for id, person in self.people.items()}


def of_an_audience(people: Collection[str], receivers: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with whom an announcement goes to: `people` are those whom it must reach."""
    for receiver, count in Counter(receivers).items():
        if receiver not in people:
            yield "announced to somebody outside the audience", receiver
        elif count > 1:
            yield "announced twice to somebody of the audience", receiver
    for missing in sorted(set(people) - set(receivers)):
        yield "not announced to somebody of the audience", missing
