"""An entry of the hook log says its reason in the language of the page, and as it was written to older versions."""

import orjson

from console.i18n import language
from ledger.errors import BadInput
from ledger.hook_log import HookEntry, HookOutcome
from ledger.phrases import Phrase

__all__: list[str] = []


def test_a_reason_keeps_its_phrase_on_the_way_through_the_log() -> None:
    refusal = BadInput("hook.it.to", Phrase("{problem} (and {count} more)", problem=Phrase("is empty"), count=2))
    entry = HookEntry(1, "it", HookOutcome.FAILED, "key it", reason=refusal.args[0])
    read = HookEntry.of_json(entry.to_json())
    assert (read, read.as_json()["reason"]) == (entry, "hook.it.to: is empty (and 2 more)")
    assert language("zh-CN").meaning(read.reason or "") == "hook.it.to：为空（另有 2 处）"
    assert orjson.loads(entry.to_json())["reason"] == "hook.it.to: is empty (and 2 more)"


def test_a_reason_that_is_cut_is_a_plain_text() -> None:
    reason = Phrase("the header {name} is missing", name="x" * 600)
    read = HookEntry.of_json(HookEntry(1, "it", HookOutcome.REFUSED, reason=reason).to_json())
    assert read.reason == reason[:500]
