"""What may stand in a callback URL, on notifications and announcements alike."""

import pytest

from ledger.announcement import Spec
from ledger.errors import BadInput
from ledger.notification import Notification
from producers.announcements.announcement_draft import AnnouncementDraft
from tests.all_of import all_of

GOOD = "https://hooks.example.com:8443/desk/bell?token=s3cret"


def notification(url: str | None) -> Notification:
    return Notification.build({"receiver_id": "ou_ada", "text": "Hello", "callback_url": url})


def draft(url: str | None) -> AnnouncementDraft:
    return AnnouncementDraft.build({"name": "N", "text": "Hello", "callback_url": url})


@all_of(
    ("url", "problem"),
    [
        ("ftp://example.com/", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("gopher://example.com/", "http:// or https://"),
        ("//example.com/", "http:// or https://"),
        ("example.com", "http:// or https://"),
        ("", "http:// or https://"),
        ("https://", "http:// or https://"),
        ("https://ada:s3cret@example.com/", "must not contain a user or password"),
        ("https://ada@example.com/", "must not contain a user or password"),
        ("https://@example.com/", "must not contain a user or password"),
        ("https://example.com\\@10.0.0.1/", "must not contain a user or password"),
        ("https://example.com/#s3cret", "#fragment"),
        ("https://example.com:0/", "port"),
        ("https://example.com:99999/", "port"),
        ("https://example.com:https/", "port"),
        ("https://example.com/a b", "spaces"),
        ("https://example.com/\r\nX-Evil: 1", "spaces"),
        ("https://exämple.com/", "ASCII"),
        ("https://example.com/" + "s" * 2048, "2048 characters"),
        ("http://[::1", "not a valid link"),
    ],
)
def test_what_is_no_callback_url_is_refused_and_not_repeated(url: str, problem: str) -> None:
    for build in (notification, draft):
        with pytest.raises(BadInput, match=r"^callback_url: ") as refused:
            build(url)
        assert problem in str(refused.value)
        assert "s3cret" not in str(refused.value)


def test_a_good_one_is_kept_as_it_is_and_in_no_repr() -> None:
    kept = Notification.of_input(notification(GOOD).to_input())
    assert kept.callback_url == GOOD
    spec = draft(GOOD).spec
    assert Spec.of_json(spec.to_json()).callback_url == GOOD
    for shown in (repr(notification(GOOD)), repr(kept), repr(spec), repr(draft(GOOD))):
        assert "s3cret" not in shown


def test_it_belongs_to_what_a_key_stands_for() -> None:
    assert notification(GOOD).content_hash != notification(None).content_hash != notification(GOOD + "2").content_hash
    assert draft(GOOD).digest("rows") != draft(None).digest("rows")


def test_without_one_nothing_is_digested_otherwise_than_before_there_were_any() -> None:
    """Keys that an older version accepted must still stand for the same content."""
    assert notification(None).content_hash == "8454189721f96e39d1cca5cb682c1af51ef487f30051c7df8c9c30c4695f1fde"
    assert draft(None).digest("rows") == "4e4cffc86031ded8d7e3beda1d9686b7987ded6a41b73186423c3312660fc085"
