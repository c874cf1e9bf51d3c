"""`deskbell hook`: what the hooks are, and what one would make of a payload."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from ledger.alert import Alert
from ledger.errors import BadInput, DeskbellError
from ledger.messages.content import Message, MsgType
from ledger.notification import Notification
from ledger.phrases import Phrase
from ledger.saved_template import SavedTemplate
from ledger.saved_templates import SavedTemplates
from ledger.settings import Settings
from ledger.times import iso
from producers.cli.access import open_ledger
from producers.cli.hook_new import NEW_EXAMPLES, new_hook
from producers.cli.hook_sample import body_of, header_of
from producers.cli.language import word
from producers.cli.output import answer, answer_json
from producers.cli.tables import show_list
from producers.hooks.hook import Hook, Rendered
from producers.hooks.hook_file import VARIABLE, load_hooks, ready_made
from producers.hooks.hook_request import HookRequest

__all__ = ["register"]

_NO_KEY = Phrase("no key: posting the same payload again sends another message")
_EXAMPLES = """\b
Examples:
  deskbell hook list --ready
  deskbell hook test oncall alert.json --json"""
_LIST_EXAMPLE = "Example:  deskbell hook list --ready"
_TEST_EXAMPLES = """\b
Examples:
  deskbell hook test oncall alert.json
  deskbell hook test github push.json --header X-GitHub-Event:push
  curl -s https://example.com/p.json | deskbell hook test oncall - --json"""


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        help="List the hooks, test one with a payload, and write a first one.", epilog=_EXAMPLES, rich_markup_mode=None
    )
    group.command("list", short_help="List the hooks, and check their file.", epilog=_LIST_EXAMPLE)(list_hooks)
    group.command("test", short_help="Show what a hook would send for a payload.", epilog=_TEST_EXAMPLES)(try_on)
    group.command("new", short_help="Write a first hook from a sample.", epilog=NEW_EXAMPLES)(new_hook)
    app.add_typer(group, name="hook")


def list_hooks(
    ready: Annotated[bool, typer.Option("--ready", help="List the ready-made hooks for `use` instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")] = False,
) -> None:
    """List the hooks in the file of DESKBELL_HOOKS, and check the whole file."""
    found = _ready_made() if ready else [_facts(hook) for hook in load_hooks(Settings.from_env()).values()]
    columns = list(found[0]) if found else ["name"]
    rows = [[word(value) if name == "summary" else value for name, value in facts.items()] for facts in found]
    show_list(as_json, found, columns, rows)


def try_on(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A hook from the file of DESKBELL_HOOKS.")],
    payload: Annotated[Path, typer.Argument(metavar="FILE", help="What the tool would post; - reads stdin.")],
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME:VALUE", help="A header the tool would send. May be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what a hook would send for a payload: the receivers, the key, the message. Sends nothing.

    No API key or signature is needed.
    """
    hook = _named(load_hooks(Settings.from_env()), name)
    hook_request = HookRequest.of([header_of(each) for each in header or ()], body_of(payload))
    rendered = hook.render(replace(hook_request, templates=_templates(hook)))
    if as_json:
        answer_json(_as_json(hook, rendered))
        return
    for line in _lines(rendered):
        answer(line)


def _facts(hook: Hook) -> dict[str, Any]:
    return {
        "name": hook.name,
        "use": hook.use,
        "asks_for": hook.asks_for,
        "path": f"/v1/hooks/{hook.name}",
    }


def _ready_made() -> list[dict[str, Any]]:
    return [{"name": name, "summary": fields.summary} for name, fields in ready_made().items()]


def _named(hooks: Mapping[str, Hook], name: str) -> Hook:
    if not hooks:
        raise BadInput(VARIABLE, Phrase("is not set, so there are no hooks: see docs/integrations.md"))
    if name not in hooks:
        raise BadInput(
            "hook",
            Phrase("there is no hook {name}; there are: {names}", name=repr(name), names=", ".join(sorted(hooks))),
        )
    return hooks[name]


def _templates(hook: Hook) -> dict[tuple[str, str], SavedTemplate | DeskbellError]:
    """Raises BadInput when one that the hook names is not there."""
    if not hook.template_names:
        return {}
    with open_ledger() as ledger:
        templates = SavedTemplates(ledger)
        return {each: templates.find(*each) for each in hook.template_names}


def _as_json(hook: Hook, rendered: Rendered) -> dict[str, Any]:
    return {
        "hook": hook.name,
        "holds": bool(rendered.notifications),
        "skipped": rendered.skipped,
        "reason": rendered.reason,
        "notifications": [_notification_json(each) for each in rendered.notifications],
    }


def _notification_json(notification: Notification) -> dict[str, Any]:
    names = (
        "receiver_id",
        "email",
        "mobile",
        "receive_type",
        "user_id_type",
        "desk",
        "key",
        "on_unknown",
        "on_open_ticket",
    )
    message = {"msg_type": notification.message.msg_type, "content": notification.message.content}
    fields = {name: getattr(notification, name) for name in names} | {"receiver_id": notification.receiver_id or None}
    alert = notification.alert and notification.alert.model_dump(mode="json", exclude={"zone"})
    return fields | {"expires_at": iso(notification.expires_ms), "alert": alert, "message": message}


def _lines(rendered: Rendered) -> Iterator[str]:
    """Each message once, with those who would get it, and the key of the first of them."""
    for _, same_message in groupby(rendered.notifications, key=lambda each: id(each.message)):
        notifications = list(same_message)
        first = notifications[0]
        receivers = ", ".join(each.address for each in notifications)
        yield Phrase("to {receivers} from desk {desk}", receivers=receivers, desk=first.desk)
        yield Phrase("key {key}", key=first.key) if first.key else _NO_KEY
        if alert := first.alert:
            ended, fires = (
                Phrase("alert {name} has ended", name=alert.name),
                Phrase("alert {name} fires", name=alert.name),
            )
            yield ended if alert.is_resolved else fires
        yield from (f"  {line}" for line in _shown(first.message).split("\n"))
    if rendered.reason:
        yield (
            Phrase("skipped {n}: {reason}", n=rendered.skipped, reason=rendered.reason)
            if rendered.skipped
            else Phrase("note: {reason}", reason=rendered.reason)
        )


def _about_alert(alert: Alert) -> Phrase:
    if alert.is_resolved:
        return Phrase("alert {name} has ended", name=alert.name)
    return Phrase("alert {name} fires", name=alert.name)


def _shown(message: Message) -> str:
    if message.msg_type == MsgType.TEXT:
        return str(message.content["text"])
    return orjson.dumps(message.content, option=orjson.OPT_INDENT_2).decode()
