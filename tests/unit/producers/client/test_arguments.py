"""The arguments of the Python client are those of the models: a field that is new there must not be missing here."""

import inspect

from ledger.announcement import Spec
from ledger.notification import Notification
from producers.cli.announce import announce
from producers.cli.send import send
from producers.client.arguments import AnnouncementArguments, EventArguments
from producers.client.notifier import Notifier

__all__: list[str] = []

#: `timezone` goes into the times of a notification, which has none of its own.
#: Of the models, what nobody gives: `expires` says it in another way, and the others are found out.
NOT_GIVEN = {"expires_at", "caller", "test", "columns", "people", "traceparent", "joining", "alert"}


def names(arguments: type) -> set[str]:
    return set(arguments.__annotations__)


def test_every_field_of_a_notification_is_an_argument() -> None:
    assert names(EventArguments) == (set(Notification.model_fields) - NOT_GIVEN) | {
        "text",
        "markdown",
        "template",
        "variables",
        "image",
        "expires",
        "timezone",
    }


def test_every_field_of_an_announcement_is_an_argument() -> None:
    ways = {
        "text",
        "markdown",
        "template",
        "expires",
        "key",
        "skip_invalid",
        "allow_duplicates",
        "hidden",
        "encoding",
        "address_column",
    }
    audience = {"departments", "groups", "everyone", "direct", "exclude", "partial", "new_since"}
    assert names(AnnouncementArguments) == (set(Spec.model_fields) - NOT_GIVEN) | ways | audience


def test_every_argument_is_an_option_of_the_command_line() -> None:
    assert names(EventArguments) - {"receiver_id", "email", "mobile", "image"} <= set(
        inspect.signature(send).parameters
    )
    assert names(AnnouncementArguments) <= set(inspect.signature(announce).parameters)


def test_the_signatures_are_spelled_out() -> None:
    for method, arguments in ((Notifier.send, EventArguments), (Notifier.announce, AnnouncementArguments)):
        parameters = inspect.signature(method).parameters
        # `draft` says what is made of it, as `to` does of a test.
        assert set(parameters) - {"self", "rows", "draft"} == names(arguments)
        assert not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        assert {name for name, each in parameters.items() if each.default is each.empty} - {"self", "rows"} == set(
            arguments.__required_keys__
        )
    assert str(inspect.signature(Notifier.send)).startswith("(self, *, text: str | None = None, ")
