"""Where callbacks may go, address by address, and that the connection goes to the address that was judged."""

import socket

import pytest

from http_client.egress import Egress, EgressRefused, Target
from tests.all_of import all_of

PUBLIC = "93.184.215.14"
PUBLIC_6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
URL = "https://hooks.example.com/bell?token=s3cret"


def outward(*addresses: str, allowed: frozenset[str] = frozenset()) -> Egress:
    return Egress(allowed, lambda host, port: list(addresses))


@all_of(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "169.254.0.1", "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.255.255.250", "232.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%lo", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "ff0e::1",
        "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:93.184.215.14", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::1", "2001::1", "100::1", "3fff::1",
        "2001:db8::1", "192.88.99.1",
    ],
)  # fmt: skip
def test_no_callback_goes_to(address: str) -> None:
    with pytest.raises(EgressRefused, match=r"hooks\.example\.com leads to no address"):
        outward(address).target(URL)


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", PUBLIC_6])
def test_the_public_internet_is_open(address: str) -> None:
    literal = f"[{address}]" if ":" in address else address
    expected = Target(f"https://{literal}:443/bell?token=s3cret", "hooks.example.com", "hooks.example.com")
    assert outward(address).target(URL) == expected


def test_the_first_address_that_may_be_used_is_used() -> None:
    assert f"//{PUBLIC}:" in outward("10.0.0.1", "::1", PUBLIC, "1.1.1.1").target(URL).url


@pytest.mark.parametrize(
    ("place", "address"),
    [
        ("10.0.0.0/8", "10.9.8.7"),
        ("127.0.0.1/32", "127.0.0.1"),
        ("fd00::/8", "fd12::1"),
        ("64:ff9b::/96", "64:ff9b::a00:1"),
        ("hooks.example.com", "169.254.169.254"),
    ],
)
def test_the_operator_allows_more(place: str, address: str) -> None:
    assert outward(address, allowed=frozenset({place})).target(URL).host == "hooks.example.com"
    with pytest.raises(EgressRefused):
        outward(address, allowed=frozenset({"192.168.0.0/16", "other.example.com", "fe80::/10"})).target(URL)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h.example", Target(f"http://{PUBLIC}:80/", "h.example", "h.example")),
        ("http://H.Example.:8080/a%20b", Target(f"http://{PUBLIC}:8080/a%20b", "h.example", "H.Example.:8080")),
        ("https://h.example?x=1", Target(f"https://{PUBLIC}:443/?x=1", "h.example", "h.example")),
    ],
)
def test_only_the_host_is_replaced(url: str, expected: Target) -> None:
    assert outward(PUBLIC).target(url) == expected


def test_the_name_is_looked_up_once() -> None:
    """A name that says a public address first and a private one to whoever asks again: nobody asks again."""
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    assert Egress((), lambda host, port: next(answers)).target(URL).url.startswith(f"https://{PUBLIC}:443/")


@pytest.mark.parametrize("url", ["http://0x7f.1/", "http://2130706433/", "http://127.1/", "http://localhost/"])
def test_other_spellings_of_the_loopback_are_the_loopback(url: str) -> None:
    with pytest.raises(EgressRefused):
        Egress(()).target(url)


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..b"])
def test_what_is_no_name_is_told_without_the_rest_of_the_url(host: str) -> None:
    with pytest.raises(EgressRefused) as refused:
        Egress(()).target(f"http://{host}/s3cret")
    assert "s3cret" not in str(refused.value)


def test_a_name_that_leads_nowhere_is_told() -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(EgressRefused, match=r"hooks\.example\.com has no address"):
        Egress((), nowhere).target(URL)
