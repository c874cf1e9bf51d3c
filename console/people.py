"""The page where departments, user groups or everyone are chosen, on the way to a new announcement.

A form that is read as it stands: a department opens by a button that sends it, so it needs no script, and what is
ticked stays ticked.
"""

from collections.abc import Collection
from typing import NamedTuple

from starlette.responses import Response
from starlette.routing import Route

from console.page_request import PageRequest
from console.ports import Department, FoundPerson, Group
from console.routing import lacks, page
from ledger.api_key import Scope
from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput, NotFound
from ledger.ids import is_announcement

__all__ = ["CHOSEN", "Node", "chosen_ids", "routes"]

#: Departments that are open at once: each costs a call, unless it was asked within a minute.
MOST_OPEN = 50
#: Departments, and groups, that can be chosen.
MOST_CHOSEN = 1000
#: Characters of a name to look for.
MOST_NAME = 100
#: What is chosen here, by the names of its fields.
CHOSEN = ("departments", "groups", "people")


class Node(NamedTuple):
    """A department in the tree; `below` is None while it is closed."""

    department: Department
    below: "list[Node] | None"


def routes() -> list[Route]:
    return [page("/announcements/people", _page)]


def chosen_ids(request: PageRequest, name: str) -> list[str]:
    """Of departments or groups in the query or the form, each once: ticked boxes, or one list with commas."""
    ids = [id.strip() for text in request.values(name) for id in text.split(",")]
    return list(dict.fromkeys(id for id in ids if id))[:MOST_CHOSEN]


def _page(request: PageRequest) -> Response:
    """Needs a scope that may see people."""
    if not request.who.may_see_people:
        return lacks(request, Scope.ANNOUNCE)
    desk = request.query("desk") or DEFAULT_DESK
    if desk not in request.context.ledger.settings.all_desks or not request.who.sees(desk):
        raise NotFound(desk)
    opened = [id for id in dict.fromkeys(request.values("open")) if id != request.query("close")][:MOST_OPEN]
    nodes: list[Node] = []
    groups: list[Group] = []
    refusal: BadInput | None = None
    try:
        nodes = _tree(request, desk, None, frozenset(opened))
        groups = list(request.context.contacts.groups(desk))
    except BadInput as error:
        refusal = error
    return request.page(
        "people.html",
        422 if refusal else 200,
        desk=desk,
        back=_back(request),
        nodes=nodes,
        groups=groups,
        opened=opened,
        hidden=_out_of_sight(request, nodes),
        chosen={name: set(chosen_ids(request, name)) for name in CHOSEN},
        people=_people(request, desk),
        problem=refusal,
    )


def _back(request: PageRequest) -> str:
    """To the form that leads here."""
    draft = request.query("draft")
    return f"/announcements/{draft}/edit" if is_announcement(draft) else "/announcements/new"


def _people(request: PageRequest, desk: str) -> list[FoundPerson]:
    """Those who are chosen, then those whom the name finds."""
    chosen = chosen_ids(request, "people")
    names = request.context.contacts.names(desk, chosen)
    people = [FoundPerson(id, names.get(id, id), "") for id in chosen]
    if name := request.query("person")[:MOST_NAME]:
        people += [each for each in request.context.contacts.people(desk, name) if each.id not in chosen]
    return people


def _tree(request: PageRequest, desk: str, below: str | None, opened: Collection[str], deep: int = 0) -> list[Node]:
    found = request.context.contacts.departments(desk, below)
    return [
        Node(each, _tree(request, desk, each.id, opened, deep + 1) if each.id in opened and deep < MOST_OPEN else None)
        for each in found
    ]


def _out_of_sight(request: PageRequest, nodes: list[Node]) -> list[str]:
    """Departments that were ticked, and stand in a branch that is closed now: they stay chosen."""
    seen, waiting = set[str](), list(nodes)
    while waiting:
        node = waiting.pop()
        seen.add(node.department.id)
        waiting += node.below or []
    return [id for id in chosen_ids(request, "departments") if id not in seen]
