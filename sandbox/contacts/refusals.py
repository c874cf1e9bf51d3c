"""The errors of the contact API: what each call may answer, by the documents."""

from collections.abc import Mapping

from sandbox.answers import Refusal

__all__ = [
    "BY_CODE",
    "DEPARTMENT_UNKNOWN",
    "GROUP_INVALID",
    "MEMBER_ID",
    "MEMBER_ID_TYPE",
    "MEMBER_PAIR",
    "MEMBER_TYPE",
    "NO_DEPARTMENT",
    "NO_GROUP",
    "NO_PERSON",
    "NO_PERSON_OF_GROUP",
    "PAGE_SIZE",
    "PAGE_TOKEN",
    "PARAMETER",
    "TOO_DEEP",
    "USER_INVALID",
]

PARAMETER = Refusal(400, 40001, "param error")
NO_DEPARTMENT = Refusal(403, 40004, "no dept authority error")
PAGE_SIZE = Refusal(400, 40011, "page size is invalid")
PAGE_TOKEN = Refusal(400, 40012, "page token is invalid error")
DEPARTMENT_UNKNOWN = Refusal(400, 40015, "department does not exist")
USER_INVALID = Refusal(400, 41012, "user id invalid error")
NO_PERSON = Refusal(400, 41050, "no user authority error")
NO_PERSON_OF_GROUP = Refusal(403, 41050, "no user authority error")
MEMBER_ID_TYPE = Refusal(400, 41071, "invalid member_id_type")
MEMBER_PAIR = Refusal(400, 41072, "member_type not match member_id_type")
MEMBER_ID = Refusal(400, 41073, "invalid member_id")
MEMBER_TYPE = Refusal(400, 41074, "invalid member_type")
GROUP_INVALID = Refusal(400, 42002, "invalid group_id")
NO_GROUP = Refusal(403, 42009, "no user group authority error")
TOO_DEEP = Refusal(400, 43010, "big dept forbid recursion error")

#: Every error of the contact API, for a fault that names its code alone. Those above are given for a reason too.
BY_CODE: Mapping[int, Refusal] = {
    refusal.code: refusal
    for refusal in (
        PARAMETER,
        Refusal(500, 40003, "internal error"),
        NO_DEPARTMENT,
        Refusal(400, 40008, "dept Info is null error"),
        PAGE_SIZE,
        PAGE_TOKEN,
        Refusal(403, 40014, "no parent dept authority error"),
        DEPARTMENT_UNKNOWN,
        USER_INVALID,
        NO_PERSON,
        MEMBER_ID_TYPE,
        MEMBER_PAIR,
        MEMBER_ID,
        MEMBER_TYPE,
        GROUP_INVALID,
        Refusal(401, 42008, "tenant id is invalid error"),
        NO_GROUP,
        Refusal(400, 42029, "the user group uses features that the API does not serve"),
        TOO_DEEP,
        Refusal(400, 48001, "search param error"),
        Refusal(500, 48002, "search internal error"),
    )
}
