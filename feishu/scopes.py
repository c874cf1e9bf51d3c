"""The scopes that an app may be granted in Feishu, and which feature needs which: the table of docs/scopes.md."""

from collections.abc import Iterator
from typing import NamedTuple

from feishu.member import SCOPES

__all__ = ["ADDRESS_SCOPE", "FEATURES", "PEOPLE_SCOPE", "STATUS_SCOPE", "Feature"]

#: The scopes that open the calls: to find people by address, and to read people and departments.
ADDRESS_SCOPE, PEOPLE_SCOPE = "contact:user.id:readonly", "contact:contact.base:readonly"
#: The scope that brings the status of a person.
STATUS_SCOPE = "contact:user.employee:readonly"
#: The list of people whom a contact range names one by one comes with it, and ids of this type.
_USER_ID_SCOPE = "contact:user.employee_id:readonly"
_GROUP_SCOPE = "contact:group:readonly"
_SEND_SCOPE, _TICKETS_SCOPE = "helpdesk:all", "helpdesk:all:readonly"


class Feature(NamedTuple):
    """It takes all of `scopes`, beside those that every send takes. `without` is what happens where one is missing."""

    name: str
    scopes: tuple[str, ...]
    without: str


def _variables() -> Iterator[Feature]:
    """One for each scope, with all variables that it brings."""
    for scope in dict.fromkeys(SCOPES.values()):
        names = ", ".join(f"`{name}`" for name, of_name in SCOPES.items() if of_name == scope)
        without = "a message that needs it is refused, and the error names the scope"
        yield Feature(f"variables of people: {names}", (scope,), without)


FEATURES = (
    Feature("every send, to ids of the type `open_id` or `union_id`", (_SEND_SCOPE,), "the desk is on hold"),
    Feature(
        "reroutes around open tickets; `--on-open-ticket wait`; `doctor`'s check of the helpdesk's credentials",
        (_TICKETS_SCOPE,),
        "a `chat` message that an open ticket stops has failed, and `doctor` reports an error",
    ),
    Feature(
        "… reroutes for receivers given by `user_id` or `union_id`",
        (_TICKETS_SCOPE, PEOPLE_SCOPE),
        "their messages count as if no ticket were open",
    ),
    Feature("[ticket events](feishu-events.md) pushed by Feishu", (_TICKETS_SCOPE,), "Feishu pushes none"),
    Feature("receivers given by `user_id`", (_USER_ID_SCOPE,), "Feishu refuses each send"),
    Feature(
        "receivers given by e-mail address or mobile number",
        (ADDRESS_SCOPE,),
        "events wait until it is granted, and files are refused",
    ),
    Feature(
        "`--department`, `--everyone`; `deskbell departments`; receivers of the console by name",
        (PEOPLE_SCOPE,),
        "refused",
    ),
    Feature(
        "… names and member counts of departments",
        ("contact:department.base:readonly", "contact:department.organize:readonly"),
        "the tree shows ids, and no counts",
    ),
    Feature("`deskbell groups`", (_GROUP_SCOPE,), "refused"),
    Feature("`--group`", (_GROUP_SCOPE, PEOPLE_SCOPE), "refused"),
    Feature(
        "leaving out people who have resigned, are paused or never signed in",
        (STATUS_SCOPE,),
        "nobody is left out, and the summary says so",
    ),
    Feature(
        "`--everyone --partial`, where the app's contact range names people one by one",
        (PEOPLE_SCOPE, _USER_ID_SCOPE),
        "those people are missing, and the summary says so",
    ),
    *_variables(),
    Feature("… `department` for members of groups", ("contact:user.department:readonly",), "the field is empty"),
    Feature("pictures from a file, in messages and cards", ("im:resource",), "messages with them fail"),
    Feature(
        "contact events: an address is asked again as soon as its person changes",
        (PEOPLE_SCOPE,),
        "it is asked again after `DESKBELL_PEOPLE_FOR`",
    ),
    Feature(
        "`deskbell people`: who an address or id belongs to",
        (ADDRESS_SCOPE, PEOPLE_SCOPE),
        "it says what it cannot see",
    ),
    Feature(
        "`deskbell probe`: who has read a message", ("im:message:readonly",), "the report says that it is not known"
    ),
    Feature(
        "`deskbell probe --open-ticket`", ("helpdesk:helpdesk:access",), "the probe says that no ticket was opened"
    ),
)
