"""People and departments as Feishu tells them: ids of the asked type, and only the fields that the scopes bring."""

from dataclasses import dataclass
from typing import Any

from sandbox.contacts.directory import ROOT, STATUSES, Department, Directory, Person
from sandbox.contacts.visibility import Scopes
from sandbox.people import PREFIXES

__all__ = ["Profiles"]

_FLAGS = ("is_frozen", "is_resigned", "is_activated", "is_exited", "is_unjoin")


@dataclass(frozen=True, slots=True)
class Profiles:
    """For one call."""

    directory: Directory
    scopes: Scopes
    id_type: str
    department_id_type: str

    @staticmethod
    def status_of(person: Person) -> dict[str, bool]:
        return {flag: flag in STATUSES[person.status] for flag in _FLAGS}

    def of_person(self, person: Person) -> dict[str, Any]:
        """A field that the scopes bring and that nobody has filled is empty; without its scope it is absent."""
        fields = {
            **{id_type: prefix + person.id for id_type, prefix in PREFIXES.items()},
            "name": person.name,
            "en_name": person.en_name,
            "nickname": "",
            "email": person.email,
            "enterprise_email": person.enterprise_email,
            "mobile": person.mobile,
            "mobile_visible": True,
            "employee_no": person.employee_no,
            "job_title": person.job_title,
            "city": person.city,
            "status": self.status_of(person),
            "department_ids": [self._id_of(open_id) for open_id in person.departments],
            "is_frozen": person.status == "frozen",
        }
        return self.scopes.of_person(fields)

    def of_department(self, department: Department) -> dict[str, Any]:
        fields = {
            "open_department_id": department.open_id,
            "department_id": department.own_id,
            "name": department.name,
            "i18n_name": {"zh_cn": "", "en_us": department.en_name, "ja_jp": ""},
            "parent_department_id": self._id_of(department.parent),
            "leader_user_id": PREFIXES[self.id_type] + department.leader if department.leader else "",
            "member_count": self.directory.member_count(department.open_id),
            "status": {"is_deleted": False},
        }
        return self.scopes.of_department(fields)

    def _id_of(self, open_id: str) -> str:
        if open_id == ROOT or self.department_id_type == "open_department_id":
            return open_id
        return self.directory.departments[open_id].own_id
