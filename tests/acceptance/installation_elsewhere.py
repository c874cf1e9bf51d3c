"""A site whose ledger is on a server that the test runs, and reaches by a URL of the test's choice."""

from pathlib import Path
from typing import Any

from ledger.settings import Settings
from tests.acceptance.installation import Installation

__all__ = ["SiteElsewhere"]


class SiteElsewhere(Installation):
    """`url` is for commands, workers and the test's own ledger alike, as are the further settings."""

    def __init__(self, folder: Path, url: str, workers: int = 1, **settings: Any) -> None:
        environment = {f"DESKBELL_{name.upper()}": str(value) for name, value in settings.items()}
        super().__init__(folder, workers=workers, DESKBELL_REDIS_URL=url, **environment)
        self._given = {"redis_url": url, **settings}

    def _settings(self) -> Settings:
        return Settings(data_dir=self.folder / "data", _env_file=None, **self._given)
