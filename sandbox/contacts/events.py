"""What is pushed when a person changes: `contact.user.updated_v3` and `contact.user.deleted_v3`."""

from typing import Any

from sandbox.contacts.directory import Person
from sandbox.contacts.profiles import Profiles
from sandbox.contacts.visibility import Scopes
from sandbox.people import PREFIXES

__all__ = ["user_event"]

_TEXTS = ("name", "en_name", "email", "enterprise_email", "mobile", "employee_no", "job_title", "city")


def user_event(before: Person | None, after: Person, scopes: Scopes) -> tuple[str, dict[str, Any]]:
    """The type and the event, with the fields that the scopes bring. Of someone who resigned the departments are in
    `old_object` alone."""
    fields, old = (scopes.of_person(_fields(person)) for person in (after, before or after))
    departments = {"department_ids": list((before or after).departments)}
    if after.status == "resigned":
        return "contact.user.deleted_v3", {"object": fields, "old_object": old | departments}
    changed = {name: value for name, value in old.items() if value != fields[name]}
    return "contact.user.updated_v3", {"object": fields | departments, "old_object": changed}


def _fields(person: Person) -> dict[str, Any]:
    ids = {id_type: prefix + person.id for id_type, prefix in PREFIXES.items()}
    texts = {name: getattr(person, name) for name in _TEXTS}
    return {**ids, **texts, "status": Profiles.status_of(person)}
