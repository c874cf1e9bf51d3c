"""Every regular expression of the tree, and the worst that it can be given. One that is not here fails the test."""

import importlib
import re
from functools import cache
from typing import Any, NamedTuple

from feishu import codes
from tests.unit.source_tree import calls

__all__ = ["WORST", "Worst", "expressions"]


class Worst(NamedTuple):
    """A text: the beginning once, `pump` any number of times, the end once; and how the expression looks at it."""

    how: str
    pump: str
    beginning: str = ""
    end: str = "\0"


#: By where it is made. Where one place makes several, it holds for each of them.
WORST = {
    "console/marked.py:_TEXT": Worst("search", "<at id=a"),
    "console/marked.py:_MARKDOWN": Worst("search", "<font"),
    "ledger/aof_repair.py:": Worst("match", "1", "*"),
    "ledger/aof_repair.py:_ANNOTATION": Worst("match", "a", "#"),
    "ledger/aof_repair.py:_BEGUN": Worst("fullmatch", "a", "#"),
    "ledger/aof_repair.py:_ZEROS": Worst("search", "\0", end="a"),
    "producers/pictures.py:_PICTURE": Worst("sub", "![](", "!"),
    "producers/pictures.py:_NO_FILE": Worst("match", "a"),
    "ledger/api_key.py:_NAME": Worst("fullmatch", "a"),
    "ledger/saved_template.py:_NAME": Worst("fullmatch", "a"),
    "ledger/saved_template.py:_VERSION": Worst("fullmatch", "1"),
    "feishu/codes.py:_SHAPE": Worst("match", "0"),
    "feishu/codes.py:_pattern": Worst("fullmatch", "1"),
    "ledger/redis_problems.py:_CONNECTING": Worst("sub", ". ", "Error 1 connecting to "),
    "ledger/toml_file.py:_PLACE": Worst("fullmatch", " (at line 1, column 1"),
    "ledger/messages/jinja_problems.py:_SAID": Worst("fullmatch", "a", "unexpected '"),
    "ledger/messages/content.py:_SHA256": Worst("fullmatch", "a"),
    "ledger/embedded.py:_CUT_OFF": Worst("search", "Truncating the AOF "),
    "ledger/embedded.py:_LINE_HEAD": Worst("match", "0", "1:M 1 Jan "),
    "producers/hooks/sent_json.py:_STRINGS": Worst("sub", '"a', end=""),
    "ledger/messages/jinja_filters.py:_FORMAT": Worst("fullmatch", "%%"),
    "ledger/messages/mentions.py:_MENTION": Worst("sub", "< "),
    "ledger/messages/mentions.py:_VALUE": Worst("search", "="),
    "ledger/messages/mentions.py:_WHOLE": Worst("sub", "<at a>"),
    "producers/hooks/first_hook.py:_IDENTIFIER": Worst("fullmatch", "a"),
    "producers/hooks/first_hook.py:_SECRET": Worst("search", "api_"),
    "producers/hooks/schema.py:_TOKEN": Worst("fullmatch", "a"),
    "producers/hooks/slack_colour.py:_HEX": Worst("fullmatch", "a", "#"),
    "producers/hooks/slack_text.py:_MARKED": Worst("sub", "*a", end=""),
    "producers/hooks/slack_text.py:_TOKEN": Worst("sub", "<a", end=""),
    "ledger/messages/json_fields.py:_BLANK_OR_CONTROL": Worst("search", "a", end=""),
    "ledger/messages/json_fields.py:_PLAIN_KEY": Worst("fullmatch", "a"),
    "ledger/messages/json_fields.py:_STEERING": Worst("search", "a"),
    "ledger/messages/json_fields.py:_SURROGATE": Worst("search", "a"),
    "ledger/sending_hours.py:_BETWEEN": Worst("match", " ", "09:00"),
    "ledger/messages/card_text.py:_MARKS": Worst("sub", "&a"),
    "ledger/messages/card_text.py:_SIGNS": Worst("sub", "&a"),
    "ledger/messages/one_line.py:_TAGS": Worst("sub", "<at ", end=""),
    "ledger/messages/markdown_card.py:_BARE_LINK": Worst("search", "(", "http://"),
    "ledger/messages/markdown_card.py:_IMAGE_KEY": Worst("fullmatch", "a", "img_"),
    "ledger/messages/markdown_source.py:": Worst("match", " ", "{%"),
    "ledger/messages/markdown_source.py:_WORD": Worst("search", "v0123456789abx"),
    "ledger/full_search.py:_ESCAPED": Worst("split", "a"),
    "producers/announcements/audience/definition.py:_ID": Worst("fullmatch", "a"),
    "producers/probe/step.py:_IDS": Worst("sub", "a.", end=""),
    "ledger/stops.py:_SHARE": Worst("fullmatch", " ", "5"),
    "ledger/messages/jinja_text.py:_LACKS_PART": Worst("fullmatch", " has no attribute 'a"),
    "ledger/messages/jinja_text.py:_MARKUP": Worst("search", "{"),
    "ledger/messages/jinja_text.py:_UNDEFINED": Worst("fullmatch", "' is undefined", "'"),
    "ledger/ids.py:_ANNOUNCEMENT": Worst("fullmatch", "0", "a_"),
    "ledger/ids.py:_NOTIFICATION": Worst("fullmatch", "0", "n_"),
    "ledger/messages/json_in_yaml.py:_PLAIN": Worst("fullmatch", "0", "0."),
    "ledger/messages/blank.py:_SEEN": Worst("search", " "),
    "ledger/messages/message_file.py:_BRACES_UNQUOTED": Worst("match", " ", "a:"),
    "ledger/messages/jinja_names.py:_BEGIN": Worst("search", "{"),
    "ledger/messages/jinja_names.py:_ENDRAW": Worst("search", "{% "),
    "ledger/messages/jinja_names.py:_RAW": Worst("match", " ", "{%"),
    "ledger/memory.py:_WRITTEN": Worst("fullmatch", " ", "1"),
    "ledger/notification.py:traceparent": Worst("search", "0", "00-"),
    "ledger/messages/post.py:_IMAGE_KEY": Worst("fullmatch", "a"),
    "ledger/messages/post.py:_LOCALE": Worst("fullmatch", "a"),
    "ledger/redis_url.py:_ADDRESS": Worst("fullmatch", "a"),
    "ledger/redis_url.py:_DATABASE": Worst("fullmatch", "0"),
    "ledger/redis_url.py:_WRITTEN": Worst("fullmatch", "a"),
    "ledger/env_file.py:_BARE_DOLLAR": Worst("search", "${"),
    "ledger/setting_kinds.py:_API_ADDRESS": Worst("fullmatch", "a", "http://"),
    "ledger/setting_kinds.py:_HOST_NAME": Worst("match", "a"),
    "ledger/setting_kinds.py:_PUBLIC_ADDRESS": Worst("fullmatch", "/a", "http://a"),
    "ledger/settings.py:_DESK_NAME": Worst("match", "a"),
    "ledger/times.py:_DURATION": Worst("match", " ", "1"),
    "ledger/rate.py:_RATE": Worst("match", " ", "1/"),
    "ledger/receiver_ids.py:_FORBIDDEN": Worst("search", "a"),
    "ledger/receiver_ids.py:_OF_ANOTHER_KIND": Worst("match", "0", "ou_"),
    "ledger/receiver_ids.py:_PLAIN": Worst("fullmatch", "a"),
    "ledger/receiver_ids.py:_ROUNDED": Worst("fullmatch", "1"),
    "ledger/receiver_ids.py:_VISIBLE": Worst("fullmatch", "a"),
    "ledger/redis_keys.py:_PREFIX": Worst("fullmatch", "a"),
    "ledger/tracing.py:carrying": Worst("fullmatch", "0", "00-"),
    "producers/cli/columns.py:_UNBREAKABLE": Worst("search", "（“"),
    "producers/cli/export.py:_STEERING": Worst("sub", "\xe2\x80"),
    "producers/announcements/export.py:_FORMULA": Worst("match", " "),
    "producers/hooks/hook_file.py:_NAME": Worst("fullmatch", "a"),
    "producers/announcements/recipients/csv_rows.py:_FORMULA_ERROR": Worst("fullmatch", "#N/A", ""),
    "producers/announcements/recipients/csv_rows.py:_NARROW": Worst("fullmatch", "#"),
    "producers/announcements/recipients/csv_rows.py:_FORMULA_OF_TEXT": Worst("fullmatch", '""', '="'),
    "producers/announcements/recipients/csv_rows.py:_ROUNDED": Worst("fullmatch", "0", "1E+"),
    "producers/announcements/recipients/csv_rows.py:_SEP": Worst("fullmatch", "s"),
    "producers/announcements/recipients/file_kinds.py:_JSON_LIST": Worst("match", " ", "["),
    "producers/announcements/recipients/file_kinds.py:_MARKUP": Worst("match", "<"),
    "producers/announcements/recipients/header.py:_PERSON": Worst("fullmatch", "a.", "a@"),
    "producers/announcements/recipients/jsonl_rows.py:_SURROGATE": Worst("search", "a"),
    "producers/announcements/recipients/number_formats/format_code.py:_COLOUR": Worst("fullmatch", "1", "color "),
    "producers/announcements/recipients/number_formats/format_code.py:_CONDITION": Worst("fullmatch", "1", "<1"),
    "producers/announcements/recipients/number_formats/format_code.py:_ELAPSED": Worst("fullmatch", "h"),
    "producers/announcements/recipients/number_formats/format_code.py:_HEXADECIMAL": Worst("fullmatch", "f"),
    "producers/announcements/recipients/number_formats/format_code.py:_LOCALE": Worst("fullmatch", "a", "$"),
    "producers/announcements/recipients/number_formats/format_code.py:_TAG": Worst("match", "-a", "zh"),
    "producers/announcements/recipients/number_formats/format_code.py:_TOKEN": Worst("match", "a", '"'),
    "producers/announcements/recipients/xlsx_sheet.py:_MORE": Worst("search", "h"),
    "producers/announcements/recipients/xlsx_texts.py:_ESCAPED": Worst("sub", "_x00"),
    "producers/client/http_server.py:_VISIBLE": Worst("fullmatch", "a"),
    "producers/web/access.py:_FORWARDED": Worst("fullmatch", "-client-ip"),
    "producers/web/request_guard.py:_PLAIN_ID": Worst("fullmatch", "a"),
    "producers/web/header_checks.py:_HOST": Worst("fullmatch", "a"),
    "sandbox/content.py:_BOUNDARY": Worst("search", "boundary=;"),
    "sandbox/content.py:_NAME": Worst("search", ';name="'),
    "sandbox/options.py:_LATENCY": Worst("match", "1"),
    "sandbox/quota.py:_RATE": Worst("match", " ", "1/"),
    "http_client/response.py:_STATUS": Worst("fullmatch", "a", "HTTP/1.1 200 ", "\n"),
    "ledger/addresses.py:_MAINLAND": Worst("sub", "1", "86"),
    "ledger/addresses.py:_NO_DIGITS": Worst("sub", "a"),
    "feishu/verdict.py:_CONTROL": Worst("sub", "\1"),
    "feishu/verdict.py:_SECONDS": Worst("fullmatch", "1"),
    "feishu/verdict.py:_whole_number": Worst("fullmatch", "1"),
    "ledger/addresses.py:_DIVIDERS": Worst("sub", " -"),
    "ledger/addresses.py:_EMAIL": Worst("fullmatch", "a", "a@"),
    "ledger/addresses.py:_MOBILE": Worst("fullmatch", "1"),
}


#: What is put together when it is needed, as it may be.
_OF_PARTS = {"feishu/codes.py:_pattern": codes._pattern(("any", "none", "154xxx", 99991400))}


@cache
def expressions() -> dict[str, list[re.Pattern[Any]]]:
    """All that the source has, by where they are made."""
    found: dict[str, list[re.Pattern[Any]]] = {}
    for where, _, pattern in calls():
        if pattern is not None:
            found.setdefault(where, []).append(_made(where, pattern))
    return found


def _made(where: str, written: str) -> re.Pattern[Any]:
    if where in _OF_PARTS:
        return _OF_PARTS[where]
    path, _, name = where.partition(":")
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    known = getattr(module, name, None)
    if isinstance(known, re.Pattern):
        return known
    return re.compile(eval(written, vars(module)))
