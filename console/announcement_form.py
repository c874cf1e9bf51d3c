"""The form of an announcement: filled in, read, and shown again as it was."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from starlette.responses import Response

from console.editing_port import Uploaded
from console.editor import columns_of, templates_of
from console.page_request import PageRequest
from console.people import CHOSEN, chosen_ids
from console.pickers import ZONE, picked_hours, picked_time
from console.ports import Asked, DraftForm, DraftSummary
from ledger.announcement import Announcement
from ledger.delivery_options import DEFAULT_DESK
from ledger.errors import BadInput, Changed
from ledger.phrases import Phrase

__all__ = ["Trouble", "asked_of", "form_page"]

#: Fields of the form, passed on by name.
FIELDS = (
    *("name", "text", "markdown", "template", "desk", "receive_type", "weight", "on_open_ticket", "on_unknown"),
    *("first", "stop_at", "notify", "skip_invalid", "allow_duplicates", "encoding", "address_column", "hidden"),
    *("everyone", "direct", "partial"),
)
#: Fields with addresses, one on a line, or divided by commas.
ADDRESSES = ("addresses", "exclude")
#: Fields of the pickers.
PICKED = ("at_date", "at_time", "expires_date", "expires_time", "hours_from", "hours_to", ZONE)


class Trouble(NamedTuple):
    """Why the form comes back."""

    problem: BadInput | None = None
    summary: DraftSummary | None = None  #: nothing can be sent like this
    conflict: Changed | None = None  #: somebody else was quicker

    @property
    def status(self) -> int:
        return 409 if self.conflict else 422 if self.problem or self.summary else 200


def form_page(request: PageRequest, draft: Announcement | None, trouble: Trouble | None = None) -> Response:
    """Empty, or as it was sent; of a draft, as that was filled in."""
    trouble = trouble or Trouble()
    form = request.context.drafting.filled_form(draft) if draft else None
    given = _given(request, form)
    desks = [name for name in request.context.ledger.settings.all_desks if request.who.sees(name)]
    chosen = _chosen(request, form)
    has_people = bool(given["everyone"] or any(chosen.values()))
    return request.page(
        "new.html",
        trouble.status,
        desks=desks,
        given=given,
        chosen=chosen,
        columns=columns_of(request, draft, has_people=has_people),
        templates=templates_of(request, [draft.spec.desk] if draft else desks),
        names=_names(request, given["desk"] or DEFAULT_DESK, chosen["people"]),
        draft=draft,
        form=form,
        version=_version(draft, trouble),
        problem=trouble.problem,
        summary=trouble.summary,
        conflict=trouble.conflict,
    )


def _version(draft: Announcement | None, trouble: Trouble) -> int:
    """After a conflict that of the other one's edit, which was told: saving again replaces it knowingly."""
    if trouble.conflict:
        return trouble.conflict.version
    return draft.draft.version if draft and draft.draft else 0


def _given(request: PageRequest, form: DraftForm | None) -> dict[str, str]:
    names = (*FIELDS, *PICKED, *ADDRESSES)
    if request.form is None and form is not None:
        chosen = {name: request.query(name) for name in ("everyone", "direct")} if _was_picked(request) else {}
        return {**dict.fromkeys(names, ""), **form.fields, **chosen}
    return {name: request.field(name) or request.query(name) for name in names}


def _chosen(request: PageRequest, form: DraftForm | None) -> dict[str, list[str]]:
    if request.form is None and form is not None and not _was_picked(request):
        return {name: list(form.lists.get(name, ())) for name in CHOSEN}
    return {name: chosen_ids(request, name) for name in CHOSEN}


def _was_picked(request: PageRequest) -> bool:
    """Whether the page of people leads here: then what is not chosen there is not meant."""
    return bool(request.query("desk"))


def _names(request: PageRequest, desk: str, people: list[str]) -> Mapping[str, str]:
    """Of what is chosen, for those who may see people."""
    if not request.who.may_see_people or desk not in request.context.ledger.settings.all_desks:
        return {}
    return request.context.contacts.names(desk, people) if request.who.sees(desk) else {}


# -- reading it


def asked_of(request: PageRequest, draft: Announcement | None = None) -> Asked:
    """What the form that was sent asks for. Raises BadInput."""
    lists: dict[str, Sequence[str]] = {name: request.addresses(name) for name in ADDRESSES}
    lists |= {name: chosen_ids(request, name) for name in CHOSEN}
    recipients, keeps_file = _uploaded(request, "recipients"), draft is not None and not request.field("drop_file")
    if not (recipients or keeps_file or any(lists[name] for name in _WHO) or request.field("everyone")):
        raise BadInput(
            "recipients", Phrase("nobody is named: choose a file, addresses, departments, groups or everyone")
        )
    return Asked(
        fields=_fields(request),
        form={name: value for name in (*FIELDS, *PICKED, *ADDRESSES) if (value := request.field(name))},
        recipients=recipients,
        message=_uploaded(request, "message"),
        exclude=_uploaded(request, "exclude_file"),
        lists=lists,
        keeps_file=keeps_file and recipients is None,
        keeps_exclude=draft is not None and not request.field("drop_exclude"),
    )


#: Lists that name receivers.
_WHO = ("addresses", *CHOSEN)


def _fields(request: PageRequest) -> dict[str, str]:
    fields = {name: request.field(name) for name in FIELDS if request.field(name)} | _times(request)
    request.check_desk(fields.get("desk", DEFAULT_DESK))
    return fields


def _uploaded(request: PageRequest, name: str) -> Uploaded | None:
    file = request.file(name)
    return Uploaded(file.filename or "", file.file) if file else None


def _times(request: PageRequest) -> dict[str, str]:
    """Those that were picked, and their zone, which is that of the rows' times, too. Raises BadInput."""
    picked: dict[str, Any] = {name: picked_time(request, name) for name in ("at", "expires")}
    picked["between"] = picked_hours(request)
    return {name: value for name, value in picked.items() if value} | {ZONE: request.field(ZONE) or "UTC"}
