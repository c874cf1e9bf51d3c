"""`Ledger.accept_each`: a key that stands for another content is an answer, and the others are accepted."""

from ledger.errors import KeyReused
from ledger.ledger import Ledger
from ledger.notification import Notification
from ledger.record import Accepted

__all__: list[str] = []


def notification(text: str, key: str | None) -> Notification:
    return Notification.build({"receiver_id": "ou_ada", "text": text} | ({"key": key} if key else {}))


def test_a_reused_key_keeps_no_other_one_out(ledger: Ledger) -> None:
    [first] = ledger.accept([notification("one", "k")])
    found = ledger.accept_each(
        [notification("new", None), notification("two", "k"), notification("one", "k"), notification("x", "y")]
    )
    new, reused, again, other = found
    assert isinstance(reused, KeyReused)
    assert reused.first_id == first.id
    assert isinstance(again, Accepted)
    assert (again.id, again.duplicate) == (first.id, True)
    assert all(isinstance(each, Accepted) and not each.duplicate for each in (new, other))


def test_of_two_contents_with_one_key_in_one_call_the_first_wins(ledger: Ledger) -> None:
    one, two, again = ledger.accept_each([notification("one", "k"), notification("two", "k"), notification("one", "k")])
    assert isinstance(one, Accepted)
    assert isinstance(two, KeyReused)
    assert isinstance(again, Accepted)
    assert (again.id, again.duplicate) == (one.id, True)


def test_nothing_is_accepted_of_nothing(ledger: Ledger) -> None:
    assert ledger.accept_each([]) == []
