"""Whether a web page sent a request: the control API is for programs on this machine, not for pages in its browser.

A page can reach this machine in two ways: across sites, which browsers mark, and by a name of its own that resolves to
this machine, which is then in `Host`.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

__all__ = ["sent_by_a_page"]


def sent_by_a_page(headers: Iterable[tuple[str, str]]) -> bool:
    """Header names are in lower case. Pages of the sandbox itself would be allowed; it has none."""
    by_name = dict(headers)
    host = by_name.get("host", "")
    if by_name.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    return by_name.get("origin", f"http://{host}") != f"http://{host}" or not _is_of_a_machine(host)


def _is_of_a_machine(host: str) -> bool:
    """An address, localhost, or the name of a container: no web site has a name without a dot."""
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
