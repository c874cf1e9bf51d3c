"""Calls every operation once with the client that openapi-python-client makes. Prints the id of each, whose answer
became the type that the document promises."""

import os
from importlib import import_module
from io import BytesIO
from pkgutil import walk_packages
from typing import Any

import deskbell_client.api
from deskbell_client import AuthenticatedClient, Client
from deskbell_client.models import (
    Again,
    AnnouncementRow,
    AnnouncementWithFile,
    AnnouncementWithRows,
    Approval,
    Correction,
    DraftEdit,
    KeyRequest,
    NotificationRequest,
    PostToBotHookBody,
    PostToHookBody,
    Problem,
    ReceiveFeishuEventBody,
    RejectionRequest,
    Reschedule,
    Scope,
    Settling,
    SettlingAs,
    TemplateRequest,
    TestRequest,
)
from deskbell_client.types import File

URL, KEY, APPROVER = os.environ["DESKBELL"], os.environ["KEY"], os.environ["APPROVER"]
FAILED, UNKNOWN, VERIFICATION = os.environ["FAILED"], os.environ["UNKNOWN"], os.environ["VERIFICATION"]
MODULES = {
    each.name.rpartition(".")[2]: import_module(each.name)
    for each in walk_packages(deskbell_client.api.__path__, "deskbell_client.api.")
}
ROWS = [AnnouncementRow.from_dict({"receiver_id": f"ou_{name}", "name": name}) for name in ("ada", "bob")]
me = AuthenticatedClient(base_url=URL, token=KEY, raise_on_unexpected_status=True)
colleague = AuthenticatedClient(base_url=URL, token=APPROVER, raise_on_unexpected_status=True)
nobody = Client(base_url=URL, raise_on_unexpected_status=True)


def call(name: str, *arguments: str, client: Any = me, has_body: bool = True, **more: Any) -> Any:
    """What the answer was parsed into."""
    answer = MODULES[name].sync_detailed(*arguments, client=client, **more)
    parsed = answer.parsed
    assert 200 <= answer.status_code < 300, (name, answer.content)
    assert not isinstance(parsed, Problem), (name, parsed)
    if has_body:
        is_model = type(parsed).__module__.startswith("deskbell_client.models.")
        assert is_model or isinstance(parsed, str), (name, type(parsed))
    print(name)  # noqa: T201  what the test reads
    return parsed


def draft(name: str) -> Any:
    """A draft with its version and fingerprint."""
    body = AnnouncementWithRows(name=name, text="Dear {{ name }}", rows=ROWS, draft=True, weight=3)
    made = MODULES["send_announcement"].sync(client=me, body=body)
    return MODULES["get_announcement"].sync(made.id, client=me)


def notifications() -> None:
    sent = call("send_notification", body=NotificationRequest(receiver_id="ou_ada", text="Disk full", at="1h"))
    assert sent.state.value == "scheduled"
    assert call("list_notifications", limit=5).notifications[0].attempts == []
    found = call("get_notification", sent.id)
    assert found.created_at.tzinfo is not None
    assert call("reschedule_notification", sent.id, body=Reschedule(at="2h")).due_at > found.due_at
    call("cancel_notification", sent.id)
    call("retry_notification", FAILED)
    call("resolve_notification", UNKNOWN, body=Settling(as_=SettlingAs.DELIVERED))


def announcements() -> None:
    file = File(payload=BytesIO(b"receiver_id,name\nou_ada,Ada\n"), file_name="people.csv", mime_type="text/csv")
    form = AnnouncementWithFile(recipients=file, text="Dear {{ name }}", name="Move")
    id = call("send_announcement", body=form).id
    assert call("list_announcements").announcements[0].id == id
    assert call("get_announcement", id).total == 1
    assert call("get_announcement_results", id).results[0]["receiver_id"] == "ou_ada"
    assert call("find_announcement_rows", id, find="ada").rows[0].line == 2
    call("pause_announcement", id)
    call("reschedule_announcement", id, body=Reschedule(at="1h"))
    call("resume_announcement", id)
    assert call("retry_announcement", id).rows == 0
    assert call("resolve_announcement", id, body=Settling(as_=SettlingAs.FAILED)).rows == 0
    call("cancel_announcement", id)


def drafts() -> None:
    made = draft("Lunch")
    call("test_announcement", made.id, body=TestRequest(to="ou_ann"))
    edited = call("edit_draft", made.id, body=DraftEdit(version=made.draft.version, text="{{ name }}, at noon"))
    assert edited.weight == 3, "what is not given stays as it is"
    call("submit_draft", made.id)
    call("approve_draft", made.id, client=colleague, body=Approval(fingerprint=edited.draft.fingerprint))
    call("reject_draft", made.id, client=colleague, body=RejectionRequest(why="The date is wrong"))
    call("start_draft", made.id)
    call("correct_announcement", made.id, body=Correction(text="{{ name }}, at one"))
    call("use_announcement_again", made.id, body=Again(name="Once more"))
    call("discard_draft", draft("Gone").id)


def around_them() -> None:
    call("save_template", "disk", body=TemplateRequest(text="Disk of {{ host }}"))
    assert call("list_templates").templates[0].variables == ["host"]
    assert call("get_template", "disk").versions == [1]
    call("delete_template", "disk", has_body=False)
    assert call("list_desks").desks[0].name == "default"
    call("resume_desk", "default")
    made = call("create_key", body=KeyRequest(name="grafana", scopes=[Scope.SEND]))
    assert made.secret.startswith("dbk_")
    assert "grafana" in [key.name for key in call("list_keys").keys]
    call("revoke_key", made.id)
    assert call("list_audit").acts[0].did == "revoke key"


def doors() -> None:
    backup = PostToHookBody.from_dict({"title": "Backup", "text": "3 of 3 done"})
    assert call("post_to_hook", "oncall", body=backup).accepted
    call("put_to_hook", "oncall", body=backup)
    call("check_hook", "oncall", client=nobody, has_body=False)
    text = {"msg_type": "text", "content": {"text": "Build 87 failed"}}
    assert call("post_to_bot_hook", "builds", body=PostToBotHookBody.from_dict(text))["code"] == 0
    challenge = {"type": "url_verification", "challenge": "c", "token": VERIFICATION}
    event = ReceiveFeishuEventBody.from_dict(challenge)
    assert call("receive_feishu_event", client=nobody, body=event)["challenge"] == "c"
    assert call("check_health", client=nobody).status == "ok"
    call("check_readiness", client=nobody)
    assert "deskbell" in call("get_metrics")


notifications()
announcements()
drafts()
around_them()
doors()
