"""Whether a web page has sent a request: the control API is for whoever practises here, not for pages they look at.

A page reaches this machine in two ways: across sites, which browsers mark, and under a name of its own that it lets
resolve to this machine, which stands in `Host`.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

__all__ = ["sent_by_a_page"]


def sent_by_a_page(headers: Iterable[tuple[str, str]]) -> bool:
    """Names of headers are in lower case. A page of the sandbox's own would be let in; it has none."""
    given = dict(headers)
    host = given.get("host", "")
    if given.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    return given.get("origin", f"http://{host}") != f"http://{host}" or not _is_of_a_machine(host)


def _is_of_a_machine(host: str) -> bool:
    """An address, localhost, or the name of a container: no site of the web has a name without a dot."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return "." not in name.removesuffix(".localhost") or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
