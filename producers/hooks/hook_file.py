"""The hooks file, which `DESKBELL_HOOKS` names: read, joined with the ready-made hooks, and checked as a whole.

```toml
[hook.oncall]
use = "alertmanager"
to = ["ou_ada", "ou_bob"]
```
"""

import os
import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from ledger.errors import BadInput
from ledger.messages.json_fields import check_json, shortened, validated
from ledger.phrases import Phrase, system_problem
from ledger.settings import Settings
from ledger.toml_file import read_toml
from producers.hooks.hook import Hook, token_digest
from producers.hooks.recipe import Origin, Recipe
from producers.hooks.schema import HookFields, RuleFields
from producers.hooks.signature import Signature, SignatureCheck, SignatureEncoding, SignatureHeader

__all__ = ["VARIABLE", "check_hook_name", "load_hooks", "ready_made"]

VARIABLE = "DESKBELL_HOOKS"
_SECRETS = ("secret", "secret_env", "secret_file")
#: The fields of a signature that no tool has to itself.
_OF_HMAC = ("signature_header", "signature_prefix", "signature_encoding")
#: Fields that stand for the same: the nearer one replaces the other.
_ONE_OF = (frozenset({"text", "message", "template", "variables"}), frozenset({"throttle", "digest"}))
#: Plain, so that it fits in a URL and a key, and is no path.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)


def load_hooks(settings: Settings, environment: Mapping[str, str] = os.environ) -> dict[str, Hook]:
    """The hooks by name: reads and checks the whole file; without one there are none.

    Raises BadInput naming the hook and the field that is wrong.
    """
    if settings.hooks is None:
        return {}
    found = {}
    for name, table in _tables(settings.hooks).items():
        check_hook_name(name, VARIABLE)
        found[name] = _hook(name, table, settings, settings.hooks.parent, environment)
    _check_tokens(found)
    return found


def check_hook_name(name: str, where: str) -> None:
    """Raises BadInput for what cannot be the name of a hook."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            where,
            Phrase(
                "{name} is not a valid hook name: use lower-case letters, digits, '-' and '_', 32 at most",
                name=shortened(name),
            ),
        )


def ready_made() -> dict[str, HookFields]:
    """The hooks that come with Deskbell, by the name that `use` takes."""
    folder = files("producers.hooks") / "ready"
    tables = {item.name.removesuffix(".toml"): tomllib.loads(item.read_text("utf-8")) for item in folder.iterdir()}
    return {name: validated(HookFields, _based(tables, table), name) for name, table in sorted(tables.items())}


def _based(tables: Mapping[str, Mapping[str, Any]], table: Mapping[str, Any]) -> dict[str, Any]:
    """A ready-made hook on top of the one that it uses itself."""
    joined = {**tables[table["use"]], **table} if "use" in table else dict(table)
    joined.pop("use", None)
    return joined


def _tables(path: Path) -> Mapping[str, Any]:
    raw = read_toml(path, VARIABLE)
    tables = raw.get("hook", {})
    others = [shortened(key) for key in raw if key != "hook"]
    if not others and isinstance(tables, dict):
        return tables
    problem = Phrase("{path} must contain only tables [hook.NAME]", path=str(path))
    if others:
        problem = Phrase("{problem}, not {kind}", problem=problem, kind=", ".join(others[:5]))
    raise BadInput(VARIABLE, problem)


def _hook(name: str, table: Any, settings: Settings, folder: Path, environment: Mapping[str, str]) -> Hook:
    where = f"hook.{name}"
    fields = _checked(table, where)
    ready = _ready(fields.use, f"{where}.use")
    joined = HookFields.model_validate(
        {**ready.model_dump(exclude_unset=True), **fields.model_dump(exclude_unset=True)}
    )
    signature_check = _seal(joined, fields, where, folder, environment)
    recipe = Recipe(
        name,
        HookFields.model_validate(joined.model_dump(exclude={*_SECRETS, "tokens"}, exclude_unset=True)),
        tuple(_rules(fields, ready)),
        folder,
        Origin(fields.use is not None, fields.for_each is not None and _key_is_inherited(fields)),
    )
    if fields.tokens and joined.format != "feishu-bot":
        raise BadInput(f"{where}.tokens", Phrase('goes with use = "feishu-bot" alone'))
    return Hook(recipe, signature_check, settings.desk, fields.tokens)


def _check_tokens(hooks: Mapping[str, Hook]) -> None:
    """A token is of one hook, and is not the name of one: both stand in the same place of a URL."""
    seen = {token_digest(name) for name in hooks}
    for name, hook in hooks.items():
        if seen & hook.token_digests:
            raise BadInput(
                f"hook.{name}.tokens", Phrase("has the token of another hook, or the name of one: choose another")
            )
        seen |= hook.token_digests


def _checked(table: Any, where: str) -> HookFields:
    if not isinstance(table, dict):
        raise BadInput(where, Phrase("must be a table"))
    check_json(table, where)
    fields = validated(HookFields, table, where)
    if fields.summary is not None:
        raise BadInput(f"{where}.summary", Phrase("is not a known field"))
    return fields


def _ready(use: str | None, where: str) -> HookFields:
    if use is None:
        return HookFields()
    known = ready_made()
    if use not in known:
        raise BadInput(where, Phrase("is not a ready-made hook: use one of {names}", names=", ".join(known)))
    return known[use]


def _rules(fields: HookFields, ready: HookFields) -> list[RuleFields]:
    """What is nearer wins: a case over its hook; but a hook over the cases of the ready-made that it uses.

    Only `when` is added, not replaced: the hook's own is asked first, by the hook.
    """
    shared = {name: value for name, value in fields.given().items() if name != "when"}
    base = ready.given()
    if fields.case or not ready.case:
        return [_joined(base, shared, case.given()) for case in fields.case or [RuleFields()]]
    return [_joined(base, case.given(), shared) for case in ready.case]


def _key_is_inherited(fields: HookFields) -> bool:
    return all("key" not in given.model_fields_set for given in (fields, *fields.case))


def _joined(*layers: Mapping[str, Any]) -> RuleFields:
    joined: dict[str, Any] = {}
    for layer in layers:
        for one_of in _ONE_OF:
            if layer.keys() & one_of:
                joined = {name: value for name, value in joined.items() if name not in one_of}
        joined |= layer
    return RuleFields.model_validate(joined)


def _seal(
    joined: HookFields, fields: HookFields, where: str, folder: Path, environment: Mapping[str, str]
) -> SignatureCheck | None:
    """None where an API key is asked for instead."""
    secret = _secret(fields, where, folder, environment)
    if joined.signature is None or secret is None:
        needing_secret = ("signature", "timestamp_header", *_OF_HMAC)
        for name in needing_secret if secret is None else _SECRETS:
            if name in fields.model_fields_set:
                lacks = Phrase("secret, secret_env or secret_file") if secret is None else "signature"
                raise BadInput(f"{where}.{name}", Phrase("also needs {lacks}", lacks=lacks))
        return None
    header = _signature_header(joined, where)
    signature_check = SignatureCheck(joined.signature, SecretStr(secret), joined.timestamp_header, header)
    signature_check.check_secret(f"{where}.secret")
    return signature_check


def _signature_header(fields: HookFields, where: str) -> SignatureHeader | None:
    """Raises BadInput when `hmac-sha256` lacks its header, or another signature has one."""
    if fields.signature is Signature.HMAC:
        if fields.signature_header is None:
            raise BadInput(
                f"{where}.signature_header", Phrase("is missing: name the header in which the signature stands")
            )
        encoding = fields.signature_encoding or SignatureEncoding.HEX
        return SignatureHeader(fields.signature_header, fields.signature_prefix or "", encoding)
    for name in _OF_HMAC:
        if getattr(fields, name) is not None:
            raise BadInput(f"{where}.{name}", Phrase('goes with signature = "{scheme}" alone', scheme=Signature.HMAC))
    return None


def _secret(fields: HookFields, where: str, folder: Path, environment: Mapping[str, str]) -> str | None:
    given = [name for name in _SECRETS if getattr(fields, name) is not None]
    if len(given) > 1:
        raise BadInput(
            f"{where}.{given[1]}", Phrase("cannot be combined with {other}: give one of them", other=given[0])
        )
    if fields.secret_env is not None:
        return _of_variable(fields.secret_env, f"{where}.secret_env", environment)
    if fields.secret_file is not None:
        return _of_file(folder / fields.secret_file, f"{where}.secret_file")
    return fields.secret


def _of_variable(name: str, where: str, environment: Mapping[str, str]) -> str:
    if not environment.get(name):
        raise BadInput(where, Phrase("names the variable {name}, which is not set", name=name))
    return environment[name]


def _of_file(path: Path, where: str) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problem = Phrase("names {path}, which cannot be read: {problem}", path=str(path), problem=system_problem(error))
    raise BadInput(where, problem)
