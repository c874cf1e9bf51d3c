"""A visitor of the console without a browser: keeps cookies, and fills in forms as they stand in the pages."""

import re
from html import unescape
from typing import Any

import requests

__all__ = ["Visitor"]

_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


class Visitor:
    """`language` is what the browser says it prefers."""

    def __init__(self, url: str, language: str = "en") -> None:
        self.url = f"{url}/console"
        self.session = requests.Session()
        # No connection stays open behind it: nobody closes a visitor.
        self.session.headers.update({"Accept-Language": language, "Connection": "close"})
        self.page: requests.Response = requests.Response()

    def look(self, path: str, **options: Any) -> str:
        """The page, which must be there."""
        self.page = self.session.get(self.url + path, timeout=120, **options)
        assert self.page.status_code == 200, f"{path}: {self.page.status_code} {self.page.text[:300]}"
        return unescape(self.page.text)

    def status(self, path: str, **options: Any) -> int:
        return self.session.get(self.url + path, timeout=120, allow_redirects=False, **options).status_code

    def act(self, path: str, *, token: str | None = None, **fields: Any) -> requests.Response:
        """Sends a form with the token of the page that was looked at last, and goes where it leads."""
        files, headers = fields.pop("files", None), fields.pop("headers", None)
        csrf = token if token is not None else self.token()
        return self.session.post(
            self.url + path, data={"csrf": csrf, **fields}, files=files, headers=headers, timeout=60
        )

    def token(self) -> str:
        found = _TOKEN.search(self.page.text)
        assert found, "no form stands in this page"
        return found[1]

    def sign_in(self, secret: str) -> "Visitor":
        self.look("/sign-in")
        answer = self.act("/sign-in", key=secret)
        assert answer.status_code == 200, answer.text[:300]
        self.page = answer
        return self
