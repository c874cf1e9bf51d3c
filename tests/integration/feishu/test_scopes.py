"""The table of scopes is true: a feature works with its scopes alone, and not without any one of them."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import chain
from pathlib import Path

import pytest

from feishu.client import FeishuClient
from feishu.contact_sight import ContactSight
from feishu.directory import ROOT, Directory, no_scope
from feishu.member import Member
from feishu.scopes import FEATURES, Feature
from feishu.verdict import AskFailed
from tests.integration.feishu.sandbox_client import feishu

TREE = Path(__file__).resolve().parents[3]
#: As Feishu spells them: the area first.
SCOPE = re.compile(r"\b(?:helpdesk|contact|im):[a-z_.]+(?::[a-z_.]+)*\b")
#: Named as what an app may have instead of the narrow ones.
WIDE = {"contact:contact:readonly_as_app"}
PERSON = "li.na"
#: Opens what a field stands in. The feature itself does not name it: the field is of the calls of another one.
READING = "contact:contact.base:readonly"


def granted(scopes: tuple[str, ...], *options: str) -> AbstractContextManager[FeishuClient]:
    """For a sandbox that grants these scopes."""
    return feishu("--scopes", ",".join(scopes) or "none", *options)


def directory_of(client: FeishuClient) -> Directory:
    return Directory(client, lambda: None)


def person(client: FeishuClient) -> Member:
    return directory_of(client).people([f"ou_{PERSON}"])[f"ou_{PERSON}"]


def has_variables(*names: str) -> Callable[[FeishuClient], bool]:
    return lambda client: all(person(client).values.get(name) for name in names)


def department(client: FeishuClient) -> object:
    return directory_of(client).children(ROOT).items[0]


def walks_a_group(client: FeishuClient) -> bool:
    directory = directory_of(client)
    members = [directory.group_people(group.id).items for group in directory.groups("normal").items]
    return bool(directory.people([id for ids in members for id in ids][:1]))


#: By how the name of the feature begins; each says whether it works.
WORKS: dict[str, Callable[[FeishuClient], bool]] = {
    "receivers given by e-mail": lambda client: client.people([f"{PERSON}@acme.example"], [])[0].open_id is not None,
    "`--department`": lambda client: bool(directory_of(client).children(ROOT).items),
    "… names and member counts": lambda client: None not in (department(client).name, department(client).member_count),  # type: ignore[attr-defined]
    "`deskbell groups`": lambda client: bool(directory_of(client).groups("normal").items),
    "`--group`": walks_a_group,
    "leaving out people": lambda client: person(client).standing is not None,
    "`--everyone --partial`": lambda client: directory_of(client).range()[0].tells_people,
    "variables of people: `name`": has_variables("name"),
    "variables of people: `email`": has_variables("email"),
    "variables of people: `mobile`": has_variables("mobile"),
    "variables of people: `employee_no`": has_variables("employee_no", "job_title", "city"),
    "variables of people: `department`": lambda client: department(client).name is not None,  # type: ignore[attr-defined]
    "… `department` for members": lambda client: bool(person(client).departments),
    "contact events": lambda client: bool(person(client).open_id),
    "`deskbell people`": lambda client: bool(
        person(client).open_id and client.people([f"{PERSON}@acme.example"], [])[0].open_id
    ),
}
#: The sandbox does not hold these; Feishu does.
UNHELD = ("receivers given by `user_id`",)
CONTACTS = [
    feature
    for feature in FEATURES
    if all(scope.startswith("contact:") for scope in feature.scopes) and not feature.name.startswith(UNHELD)
]


@pytest.mark.parametrize("feature", CONTACTS, ids=lambda feature: feature.name)
def test_a_feature_takes_exactly_its_scopes(feature: Feature) -> None:
    [works] = [check for name, check in WORKS.items() if feature.name.startswith(name)]
    options = ("--range", "all") if "partial" not in feature.name else ("--range", f"ou_{PERSON}")
    beside = (READING,) if READING not in feature.scopes else ()
    with granted((*feature.scopes, *beside), *options) as client:
        assert works(client)
    for scope in feature.scopes:
        rest = tuple(each for each in (*feature.scopes, *beside) if each != scope)
        with granted(rest, *options) as client:
            assert not tried(works, client), f"works without {scope}"


def tried(works: Callable[[FeishuClient], bool], client: FeishuClient) -> bool:
    try:
        return works(client)
    except AskFailed as failure:
        if not no_scope(failure):
            raise
        return False


def test_doctor_finds_nothing_missing_with_the_scopes_of_the_table() -> None:
    scopes = tuple(scope for feature in CONTACTS for scope in feature.scopes)
    with granted(scopes) as client:
        sight = ContactSight.of(client)
    assert (sight.finds_addresses, sight.everybody, sight.missing) == (True, True, ())


def test_every_scope_that_code_or_a_page_names_is_in_the_table() -> None:
    known = WIDE | {scope for feature in FEATURES for scope in feature.scopes}
    packages = (TREE / name for name in ("feishu", "ledger", "worker", "producers", "console"))
    sources = chain.from_iterable(package.rglob(f"*.{kind}") for package in packages for kind in ("py", "toml"))
    unknown = {
        f"{path.relative_to(TREE)}: {scope}"
        for path in (*sources, *TREE.glob("*.md"), *TREE.glob("docs/**/*.md"))
        if path.name != "CHANGELOG.md"
        for scope in SCOPE.findall(path.read_text("utf-8"))
        if scope not in known
    }
    assert unknown == set()
