"""`make screenshots`: pictures of each page of the console, light and dark, into docs/screenshots/."""

import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page

from ledger.embedded import EmbeddedValkey
from ledger.ledger import Ledger
from ledger.settings import Settings
from tests.browser.chromium import chromium
from tests.browser.mass_send_pictures import take_mass_send
from tests.browser.scenery import CARD, DESKS, Scenery
from tests.integration.producers.web.serving import serving

__all__ = ["main"]

FOLDER = Path(__file__).resolve().parents[2] / "docs/screenshots"
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}


def main(folder: Path = FOLDER) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "desks.toml").write_text(DESKS)
        settings = Settings(data_dir=Path(name), desks=Path(name) / "desks.toml", _env_file=None)
        with EmbeddedValkey(settings):
            scenery = Scenery(Ledger(settings))
            scenery.build()
            with serving(settings) as url, chromium() as browser:
                for theme in ("light", "dark"):
                    Album(browser, url, scenery, folder, color_scheme=theme).take()
                Album(browser, url, scenery, folder, "phone-", viewport=PHONE).take("now", "announcement")
                Album(browser, url, scenery, folder, "zh-", locale="zh-CN").take("now", "announcement", "draft")
                take_mass_send(browser, scenery, settings, folder)


class Album:
    """Pictures by one visitor; `options` are those of a browser's context."""

    def __init__(
        self, browser: Browser, url: str, scenery: Scenery, folder: Path, prefix: str = "", **options: Any
    ) -> None:
        given = {
            "viewport": DESKTOP,
            "color_scheme": "light",
            "locale": "en",
            "timezone_id": "Asia/Shanghai",
            **options,
        }
        self._page = browser.new_context(base_url=url, device_scale_factor=1.5, **given).new_page()
        self._scenery, self._folder = scenery, folder
        self._name = f"{prefix}{{}}-{given['color_scheme']}.png"

    def take(self, *names: str) -> None:
        """Of these pages, or of all."""
        pages = self._pages()
        self._open("/sign-in")
        if not names:
            self._picture("sign-in")
        self._page.locator("input[name=key]").fill(self._scenery.operator)
        self._page.locator("form.stack button").click()
        for name in names or pages:
            self._scenery.make_calls()
            self._open(pages[name])
            if name == "draft":
                _propose(self._page)
            self._picture(name)
        self._page.context.close()

    def _pages(self) -> dict[str, str]:
        move = self._scenery.move
        rows = self._scenery.ledger.announcements.rows(move)
        rerouted = next(row for row in rows if len(row.progress.attempts) > 1)
        return {
            "now": "/",
            "needs": "/needs",
            "announcements": "/announcements",
            "announcement": f"/announcements/{move}",
            "notifications": "/notifications?state=failed",
            "notification": f"/notifications/{rerouted.id}",
            "hooks": "/hooks",
            "draft": "/announcements/new",
        }

    def _open(self, path: str) -> None:
        self._page.goto(f"/console{path}", wait_until="load")

    def _picture(self, name: str) -> None:
        """With a palette: a third of the bytes, and nobody sees it."""
        self._page.wait_for_timeout(400)
        shot = Image.open(io.BytesIO(self._page.screenshot(full_page=True))).convert("RGB")
        small = shot.quantize(256, kmeans=3, dither=Image.Dither.NONE)
        small.save(self._folder / self._name.format(name), optimize=True)


def _propose(page: Page) -> None:
    rows = "receiver_id,name,desk\n" + "".join(f"ou_{n},Person {n},6-{n:03}\n" for n in range(900))
    rows += "ou_3,Person 3,6-003\n"
    page.locator("input[name=recipients]").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    )
    page.locator("input[name=message]").set_input_files(
        {"name": "move.json", "mimeType": "application/json", "buffer": json.dumps(CARD).encode()}
    )
    page.locator("form.panel button.primary").click()
    page.locator("#do-start, .problem").first.wait_for()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
