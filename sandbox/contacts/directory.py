"""Everybody in the tenant, with departments and user groups, whoever may see them.

Beside the people who are listed there are those of `sandbox.people`, by a rule: `ou_X` exists for any X. They belong to
no department. A directory that is `only_listed` does without them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

__all__ = ["DYNAMIC", "NORMAL", "ROOT", "STATUSES", "Department", "Directory", "Group", "Person", "digits_of"]

#: The department above all others; it is not listed among them.
ROOT = "0"
#: The `type` of a user group: its members are chosen, or follow a rule.
NORMAL, DYNAMIC = 1, 2
#: The words for a person's status, and the flags that Feishu has for each.
STATUSES: Mapping[str, frozenset[str]] = {
    "active": frozenset({"is_activated"}),
    "frozen": frozenset({"is_activated", "is_frozen"}),
    "resigned": frozenset({"is_activated", "is_resigned"}),
    "exited": frozenset({"is_activated", "is_exited"}),
    "not_activated": frozenset(),
    "unjoin": frozenset({"is_unjoin"}),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with the ids `ou_ID`, `on_ID` and `u_ID`. `departments` are open ids, the main one first."""

    id: str
    name: str
    en_name: str = ""
    email: str = ""
    enterprise_email: str = ""
    mobile: str = ""
    employee_no: str = ""
    job_title: str = ""
    city: str = ""
    status: str = "active"
    departments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Department:
    """`own_id` is the tenant's own, which another department may get after this one is deleted."""

    open_id: str
    own_id: str
    name: str
    en_name: str = ""
    parent: str = ROOT
    leader: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A user group. `people` are ids as of `Person`, `departments` open ids; a dynamic group has no departments."""

    id: str
    name: str
    kind: int = NORMAL
    people: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()


@dataclass
class Directory:
    """`members` are the direct ones by department; `mails` and `mobiles` map addresses and digits of numbers to ids."""

    people: Mapping[str, Person] = field(default_factory=dict)
    departments: Mapping[str, Department] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    members: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mails: Mapping[str, str] = field(default_factory=dict)
    mobiles: Mapping[str, str] = field(default_factory=dict)
    #: Of these domains, only listed addresses exist.
    domains: frozenset[str] = frozenset()
    only_listed: bool = False
    _changed: dict[str, Person] = field(default_factory=dict)
    _new_mails: dict[str, str] = field(default_factory=dict)
    _new_mobiles: dict[str, str] = field(default_factory=dict)

    def person(self, person_id: str) -> Person | None:
        """The listed person, else one by the rule, else None."""
        listed = self._changed.get(person_id) or self.people.get(person_id)
        if listed is None and not self.only_listed and person_id and not person_id.startswith("unknown"):
            status = "resigned" if person_id.startswith("resigned") else "active"
            return Person(person_id, person_id, status=status)
        return listed

    def by_mail(self, mail: str) -> Person | None:
        """Nobody is known by an enterprise mailbox."""
        mail = mail.strip()
        name, _, domain = mail.partition("@")
        listed = self._new_mails.get(mail.lower()) or self.mails.get(mail.lower())
        if listed or domain.lower() in self.domains:
            person = self.person(listed) if listed else None
            return person if person and person.email.lower() == mail.lower() else None
        return self.person(name) if name and domain else None

    def by_mobile(self, mobile: str) -> Person | None:
        digits = digits_of(mobile)
        if not digits:
            return None
        listed = self._new_mobiles.get(digits) or self.mobiles.get(digits)
        if listed:
            person = self.person(listed)
            return person if person and digits_of(person.mobile) == digits else None
        return self.person("m" + "".join(character for character in mobile if character.isdigit()))

    def change(self, person: Person) -> None:
        """In place of what is known of this person, but for the departments."""
        known = self.person(person.id)
        self._changed[person.id] = replace(person, departments=known.departments if known else ())
        if person.email:
            self._new_mails[person.email.lower()] = person.id
        if person.mobile:
            self._new_mobiles[digits_of(person.mobile)] = person.id

    def department(self, any_id: str, id_type: str) -> Department | None:
        """By its open id, or by its own."""
        return self.departments.get(any_id) if id_type == "open_department_id" else self._by_own_id.get(any_id)

    def children(self, open_id: str) -> Sequence[Department]:
        """One level below."""
        return self._children.get(open_id, ())

    def below(self, open_id: str) -> list[Department]:
        """All levels below, a department before its own children."""
        found = []
        waiting = list(reversed(self.children(open_id)))
        while waiting:
            department = waiting.pop()
            found.append(department)
            waiting.extend(reversed(self.children(department.open_id)))
        return found

    def way_up(self, open_id: str) -> Iterator[str]:
        """The department and those above it, without the root."""
        while open_id in self.departments:
            yield open_id
            open_id = self.departments[open_id].parent

    def member_count(self, open_id: str) -> int:
        """People of the department and of those below, each counted once."""
        return self._counts[open_id]

    def departments_of_group(self, group_id: str) -> Sequence[str]:
        group = self.groups.get(group_id)
        return group.departments if group else ()

    @cached_property
    def groups_of(self) -> Mapping[str, Sequence[str]]:
        """The groups in which a person is himself a member."""
        found: dict[str, list[str]] = defaultdict(list)
        for group in self.groups.values():
            for person_id in group.people:
                found[person_id].append(group.id)
        return found

    @cached_property
    def _by_own_id(self) -> dict[str, Department]:
        return {department.own_id: department for department in self.departments.values()}

    @cached_property
    def _children(self) -> dict[str, list[Department]]:
        children: dict[str, list[Department]] = defaultdict(list)
        for department in self.departments.values():
            children[department.parent].append(department)
        return dict(children)

    @cached_property
    def _counts(self) -> Counter[str]:
        of_person: dict[str, tuple[str, ...]] = defaultdict(tuple)
        for open_id, people in self.members.items():
            for person_id in people:
                of_person[person_id] += (open_id,)
        counts: Counter[str] = Counter()
        for open_ids in of_person.values():
            counts.update({above for open_id in open_ids for above in (*self.way_up(open_id), ROOT)})
        return counts


def digits_of(mobile: str) -> str:
    """For comparison: numbers of the mainland may be written with their country code or without."""
    digits = "".join(character for character in mobile if character.isdigit())
    return digits[2:] if len(digits) == 13 and digits.startswith("86") else digits
