"""Our client, and a sandbox of its own behind it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from pydantic import SecretStr

import sandbox
from feishu.client import FeishuClient
from feishu.token import NoStore
from ledger.settings import Settings

__all__ = ["feishu"]


@contextmanager
def feishu(*options: str) -> Iterator[FeishuClient]:
    """`options` are the sandbox's."""
    with sandbox.running("--demo", "--contact-rate", "unlimited", *options) as url:
        settings = Settings(
            app_id="cli_sandbox",
            app_secret=SecretStr("sandbox-secret"),
            helpdesk_id="1",
            helpdesk_token=SecretStr("ht"),
            feishu_url=url,
            _env_file=None,
        )
        with closing(FeishuClient.of(settings.desk("default"), settings, NoStore())) as client:
            yield client
