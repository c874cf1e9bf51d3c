"""The console's port to drafts: checks what the form asks for, and tells what was found."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from console.pickers import ZONE
from console.ports import Asked, Column, DraftForm, DraftSummary, DraftTimes, Findings, RowError, Sample
from feishu.verdict import AskFailed
from ledger.announcement import Announcement, Spec
from ledger.api_key import ApiKey
from ledger.draft import Person
from ledger.draft_verbs import DraftVerbs
from ledger.errors import BadInput, Changed
from ledger.ledger import Ledger
from ledger.times import zone_of
from producers.announcements.addressing import CHOICES
from producers.announcements.checked_announcement import CheckedAnnouncement, checked_announcement
from producers.announcements.drafts import Drafts
from producers.announcements.kept_rows import KeptRows
from producers.announcements.preview import summarize
from producers.announcements.same_content import with_same_content
from producers.announcements.testing import accept_test_of_draft, chosen_row, events_of_draft
from producers.announcements.timing import MOST_DUE, timing_of
from producers.web.announcement_intake import foreign, turns
from producers.web.console_arguments import Edited, Submission
from producers.web.console_audience import audience_found
from producers.web.draft_notes import DraftNotes, Notes
from producers.web.key_limits import draft_within, send_within
from producers.web.problems import Problem

__all__ = ["ConsoleDrafts"]

#: Findings and duplicates that are shown one by one.
SHOWN = 100

Save = Callable[[CheckedAnnouncement], Announcement]


class ConsoleDrafts:
    """Thread-safe."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._drafts = Drafts(ledger)
        self._notes = DraftNotes(ledger)

    # -- the form

    def keep(self, asked: Asked, by: Person) -> str | DraftSummary:
        found = self._checked(
            lambda: Submission(self._ledger, asked), by, lambda checked: self._drafts.keep(checked, by)
        )
        return found.id if isinstance(found, Announcement) else found

    def edit(self, draft: Announcement, version: int, asked: Asked, by: Person) -> DraftSummary | None:
        if draft.draft is None or draft.draft.version != version:  # before a file is checked for a minute
            raise Changed(draft.id, draft.draft.version if draft.draft else 0)

        found = self._checked(
            lambda: Submission(self._ledger, asked, self._edited(draft)),
            by,
            lambda checked: self._drafts.edit(draft.id, checked, version, by),
        )
        return None if isinstance(found, Announcement) else found

    def filled_form(self, draft: Announcement) -> DraftForm:
        notes = self._notes_of(draft)
        form = notes.form if notes else _form_of(draft.spec)
        return form._replace(fields={**form.fields, "name": draft.spec.name})

    def _edited(self, draft: Announcement) -> Edited:
        notes = self._notes_of(draft)
        if notes is None:
            return Edited(draft, _form_of(draft.spec), None, None)
        return Edited(draft, notes.form, notes.file_lines, self._notes.exclude(draft.id))

    def _notes_of(self, draft: Announcement) -> Notes | None:
        return self._notes.read(draft.id, draft.draft.version) if draft.draft else None

    def _checked(self, submitted: Callable[[], Submission], by: Person, save: Save) -> Announcement | DraftSummary:
        """In turn with other files."""

        def work() -> Announcement | DraftSummary:
            return self._check(submitted(), save)

        try:
            return turns.take(by.name, work).result()
        except Problem as problem:
            refusal = BadInput("recipients", problem.detail)
        except AskFailed as error:
            refusal = BadInput("audience", error.detail)
        raise refusal

    def _check(self, submission: Submission, save: Save) -> Announcement | DraftSummary:
        opened = submission.recipients if submission.names_receivers else None
        with checked_announcement(self._ledger, submission.draft(), opened, read=foreign) as checked:
            findings = _findings(checked)
            if not checked.is_acceptable:
                spec, rows = checked.draft.spec, checked.checked.accepted
                return self._summary(spec, rows, findings, submission.zone, checked.same_content())
            draft = save(checked)
            form = submission.filled_form(str(draft.spec.message["msg_type"]))
            notes = Notes(form, _file_lines(checked), findings)
            exclude = submission.exclusion.content if submission.exclusion else None
            self._notes.keep(draft.id, draft.draft.version if draft.draft else 0, notes, exclude)
        return draft

    # -- the page

    def summary(self, draft: Announcement) -> DraftSummary:
        notes = self._notes_of(draft)
        findings = notes.findings if notes else self._findings_of(draft)
        zone = (notes.form if notes else _form_of(draft.spec)).fields[ZONE]
        return self._summary(draft.spec, draft.total, findings, zone, self._same_content(draft))

    def _summary(
        self, spec: Spec, accepted: int, findings: Findings, zone: str, same_content: Announcement | None
    ) -> DraftSummary:
        timing = timing_of(self._ledger, spec, accepted, findings.due)
        times = DraftTimes(
            starts_ms=timing.starts_ms,
            is_at_once=timing.is_at_once,
            finishes_ms=timing.finishes_ms,
            seconds=timing.seconds,
            expires_ms=timing.expires_ms,
            is_too_late=timing.is_too_late,
            between=spec.between,
            zone=zone,
        )
        return DraftSummary(findings, accepted, timing.others, times, tuple(spec.stops), same_content)

    def _findings_of(self, draft: Announcement) -> Findings:
        """Of a draft from elsewhere: what the ledger has of it."""
        numbers = sorted({0, draft.total - 1})
        samples = tuple(Sample(row.line, row.message(draft.spec)) for row in self._drafts.rows(draft.id, numbers))
        columns = tuple(Column(name, name in draft.spec.template.variables, 0) for name in draft.spec.columns)
        return Findings(KeptRows.told_as, (), columns, (), draft.total, 0, (), 0, (), 0, True, (), samples, None)

    def _same_content(self, draft: Announcement) -> Announcement | None:
        content_hash = DraftVerbs(self._ledger).content_hash(draft.id)
        return with_same_content(self._ledger, draft.spec.desk, content_hash) if content_hash else None

    # -- what is done to it

    def submit(self, id: str, by: Person) -> None:
        self._drafts.submit(id, by)

    def approve(self, id: str, fingerprint: str, by: Person) -> None:
        self._drafts.approve(id, fingerprint, by)

    def reject(self, id: str, why: str, by: Person) -> None:
        self._drafts.reject(id, why, by)

    def discard(self, id: str, by: Person) -> None:
        self._drafts.discard(id, by)
        self._notes.forget(id)

    def start(self, draft: Announcement, version: int, by: Person, key: ApiKey | None, reason: str | None) -> None:
        draft_within(self._ledger, key, draft, self._drafts, reason, version, by)
        if not (key and key.test):  # whose draft stays one
            self._notes.forget(draft.id)

    def test(self, id: str, to: str, row: str, by: Person, key: ApiKey | None) -> str:
        events = events_of_draft(self._ledger, id, to, chosen_row(row), key.id if key else None)
        return accept_test_of_draft(self._ledger, id, events, by, partial(send_within, self._ledger, key))

    def again(self, id: str, by: Person, *, rest_only: bool) -> str:
        return self._drafts.again(id, by, rest_only=rest_only, zone=UTC).id

    def correct(self, id: str, by: Person) -> str:
        return self._drafts.correct(id, by, zone=UTC).id


def _findings(checked: CheckedAnnouncement) -> Findings:
    summary, found = summarize(checked), checked.checked
    return Findings(
        source=summary.source,
        addressed=tuple((kind, rows) for kind, rows in found.addressed.items() if rows),
        columns=tuple(_columns(checked)),
        sheet_remarks=tuple(summary.sheet_remarks),
        rows=found.rows,
        invalid=found.invalid,
        findings=tuple(RowError(*problem) for problem in found.problems[:SHOWN]),
        finding_count=found.problem_count,
        duplicates=tuple((each.line, each.first_line) for each in found.duplicates[:SHOWN]),
        duplicate_count=found.duplicate_count,
        are_duplicates_dropped=not found.options.allow_duplicates,
        due=tuple(found.due(MOST_DUE)),
        samples=tuple(Sample(sample.line, sample.message) for sample in found.samples),
        audience=audience_found(checked),
    )


def _columns(checked: CheckedAnnouncement) -> Iterator[Column]:
    """Without the columns that say how a row is sent, which each draft has, where no row fills them."""
    for column in checked.checked.all_columns:
        if column.name not in CHOICES or column.empty < checked.checked.rows:
            yield Column(*column)


def _file_lines(checked: CheckedAnnouncement) -> int | None:
    """The last line of the file, if others follow its rows."""
    first = checked.recipients.typed_lines or checked.recipients.people_lines
    return first[0] - 1 if first else None


def _form_of(spec: Spec) -> DraftForm:
    """Of a draft that was made elsewhere: its rows stand for a file."""
    zone = spec.timezone or "UTC"
    fields = {
        "name": spec.name,
        "desk": spec.desk,
        "receive_type": str(spec.receive_type),
        "on_open_ticket": str(spec.on_open_ticket),
        "on_unknown": str(spec.on_unknown),
        "weight": str(spec.weight),
        "first": str(spec.first or ""),
        "stop_at": spec.stop_at or "",
        "notify": spec.notify or "",
        "allow_duplicates": "true",  # a person who is there twice was listed twice on purpose
        ZONE: zone,
        **_picked("at", spec.at, zone),
        **_picked("expires", spec.expires_at, zone),
        **dict(zip(("hours_from", "hours_to"), (spec.between or "").split("-"), strict=False)),
    }
    words = _words(spec)
    message = None if words else str(spec.message["msg_type"])
    return DraftForm(
        {name: value for name, value in {**fields, **words}.items() if value}, {}, spec.name, message, None
    )


def _picked(name: str, at: datetime | None, zone: str) -> dict[str, str]:
    there = at.astimezone(zone_of(zone)) if at and at > datetime.now(UTC) else None
    return {f"{name}_date": f"{there:%Y-%m-%d}", f"{name}_time": f"{there:%H:%M}"} if there else {}


def _words(spec: Spec) -> dict[str, str]:
    """The message, where a field of the form can show it."""
    if spec.markdown is not None:
        return {"markdown": spec.markdown}
    content = spec.message["content"]
    is_text = spec.message["msg_type"] == "text" and isinstance(content, dict)
    return {"text": str(content["text"])} if is_text and isinstance(content, dict) else {}
