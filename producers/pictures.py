"""Pictures of a message in Markdown: uploaded to Feishu at once, since a card names them by their keys."""

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

from ledger.connection import reachable
from ledger.errors import BadInput
from ledger.ledger import Ledger
from ledger.messages.images import LocalImage
from ledger.messages.markdown_source import line_problem

__all__ = ["uploaded_key", "with_picture_keys"]

#: `![map](map.png)`, up to the name: what a title may follow.
_PICTURE = re.compile(r"(!\[[^\[\]]*\]\()(<[^<>\n]+>|[^()<>\s]+)(?=[)\s])")
#: Not a file but a key at Feishu; an address, from which nothing is fetched; or a variable.
_NO_FILE = re.compile(r"img_|[a-z][a-z0-9+.-]{1,20}:|//|\{\{", re.IGNORECASE | re.ASCII)


def uploaded_key(ledger: Ledger, desk: str, image: LocalImage) -> str:
    """The key of an image for the app of a desk, which is uploaded unless it was already.

    Raises BadInput for credentials that are not set, AskFailed, LedgerUnreachable.
    """
    # Loaded with the first picture: it calls Feishu, and most messages have none.
    from feishu.client import FeishuClient
    from feishu.images import Images
    from feishu.token import RedisTokens

    ledger = ledger.at(desk)
    settings, known = ledger.settings, ledger.settings.desk(desk)
    client = FeishuClient.of(known, settings, RedisTokens(ledger.redis, settings.prefix))
    with closing(client) as feishu, reachable(settings):
        return Images(ledger.redis, ledger.keys, known, feishu).uploaded(image)


def with_picture_keys(markdown: str, folder: Path, key_of: Callable[[LocalImage], str]) -> str:
    """The text with a key in place of each picture that is a file in the folder. Raises BadInput with the line."""

    def keyed(found: re.Match[str]) -> str:
        named = found[2].strip("<>")
        if _NO_FILE.match(named):
            return found[0]
        try:
            return found[1] + key_of(LocalImage.read(folder / unquote(named), where="markdown"))
        except BadInput as error:
            line, problem = markdown.count("\n", 0, found.start()) + 1, error.problem
        raise line_problem(line, problem)

    return _PICTURE.sub(keyed, markdown)
