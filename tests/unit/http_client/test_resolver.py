"""Names are looked up within a time limit, whatever the name servers do."""

import pytest

from http_client.egress import Egress, EgressRefused, Resolver
from tests.calm import Stopwatch
from tests.tarpits import silent_name_server


def test_addresses_and_the_names_of_this_machine_need_no_name_server() -> None:
    with silent_name_server() as port:
        resolver = Resolver(servers=["127.0.0.1"], udp_port=port)
        assert resolver("127.0.0.1", 80) == ["127.0.0.1"]
        assert resolver("::1", 80) == ["::1"]
        assert "127.0.0.1" in resolver("localhost", 80)


def test_a_name_server_that_says_nothing_is_not_waited_for() -> None:
    with silent_name_server() as port:
        resolver = Resolver(0.2, servers=["127.0.0.1"], udp_port=port)
        watch = Stopwatch()
        for name in ("slow.example.com", "other.example.com"):
            with pytest.raises(TimeoutError):
                resolver(name, 80)
        assert watch.calm_seconds < 2


def test_a_callback_to_such_a_name_goes_nowhere_and_says_so() -> None:
    with silent_name_server() as port:
        outward = Egress((), Resolver(0.2, servers=["127.0.0.1"], udp_port=port))
        with pytest.raises(EgressRefused, match=r"slow\.example\.com could not be looked up in time") as caught:
            outward.target("https://slow.example.com/bell?token=s3cret")
    assert caught.value.came_late


@pytest.mark.parametrize("name", ["a" * 70 + ".example", "no such name", "", "fe80::1%lo", "é.example"])
def test_a_name_that_is_none_has_no_address(name: str) -> None:
    with silent_name_server() as port, pytest.raises((OSError, UnicodeError)):
        Resolver(0.2, servers=["127.0.0.1"], udp_port=port)(name, 80)
