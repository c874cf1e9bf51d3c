"""`deskbell hook new`: a first hook, from a sample of what its tool posts."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ledger.errors import BadInput
from ledger.phrases import Phrase, system_problem
from ledger.settings import Settings
from ledger.toml_file import read_toml
from producers.cli.hook_sample import body_of, header_of
from producers.cli.output import answer, answer_json, note
from producers.hooks.first_hook import first_hook, likely_use
from producers.hooks.hook_file import check_hook_name, load_hooks
from producers.hooks.hook_request import HookRequest

__all__ = ["NEW_EXAMPLES", "new_hook"]

NEW_EXAMPLES = """\b
Examples:
  deskbell hook new oncall alert.json --to ann@corp.example
  deskbell hook new ci push.json --header X-GitHub-Event:push -o hooks.toml
  curl -s https://example.com/p.json | deskbell hook new script - -o -"""
#: Where no DESKBELL_HOOKS says otherwise.
_FILE = Path("hooks.toml")
_STDOUT = Path("-")


def new_hook(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The last part of its URL: /v1/hooks/NAME.")],
    payload: Annotated[Path, typer.Argument(metavar="FILE", help="What the tool posts; - reads stdin.")] = _STDOUT,
    to: Annotated[str, typer.Option(metavar="WHO", help="Who gets it; may be changed in the file.")] = "ou_ada",
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME:VALUE", help="A header the tool sends. May be repeated.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The hooks file; - is stdout. [default: DESKBELL_HOOKS]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write a hook into the hooks file, from a sample of what its tool posts. Sends nothing.

    The ready-made hook that fits is chosen, and comments show what may be changed. Other hooks of the file stay.
    """
    check_hook_name(name, "NAME")
    settings = Settings.from_env()
    request = HookRequest.of([header_of(each) for each in header or ()], body_of(payload))
    target = output or settings.hooks or _FILE
    before = "" if target == _STDOUT else _text_of(target, name)
    use, table = _working(settings, name, to, request, is_first=not before.strip())
    if target == _STDOUT:
        _print(table)
        return
    _write(target, before, table)
    _tell({"hook": name, "use": use, "file": str(target), "path": f"/v1/hooks/{name}"}, payload, as_json=as_json)


def _print(table: str) -> None:
    for line in table.splitlines():
        answer(line)


def _tell(written: dict[str, str | None], payload: Path, *, as_json: bool) -> None:
    if as_json:
        answer_json(written)
        return
    name, use, file = written["hook"], written["use"], written["file"]
    answer(f"{file}: hook {name}" + (f', use = "{use}"' if use else ""))
    command = f"DESKBELL_HOOKS={file} deskbell hook test {name} {payload}"
    note(Phrase("try it: `{command}`", command=command))


def _working(settings: Settings, name: str, to: str, request: HookRequest, *, is_first: bool) -> tuple[str | None, str]:
    """A table that makes a message of the sample. Raises BadInput where none does."""
    use = likely_use(request)
    for each in dict.fromkeys((use, None)):
        table = first_hook(name, to, request, each, is_first=is_first)
        if _makes_a_message(settings, table, name, request):
            return each, table
    raise BadInput("FILE", Phrase("becomes no message: write the hook by hand, as docs/integrations.md says"))


def _makes_a_message(settings: Settings, table: str, name: str, request: HookRequest) -> bool:
    """Raises BadInput for a name or receiver that no hook can have."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "hooks.toml"
        file.write_text(table, "utf-8")
        hook = load_hooks(settings.model_copy(update={"hooks": file}))[name]
        try:
            return bool(hook.render(request).notifications)
        except BadInput:
            return False


def _text_of(file: Path, name: str) -> str:
    """What the file has already. Raises BadInput when it cannot be added to."""
    if not file.exists():
        return ""
    hooks = read_toml(file, "output").get("hook", {})
    if not isinstance(hooks, dict) or name not in hooks:
        return file.read_text("utf-8")
    raise BadInput(
        "output",
        Phrase("{file} has a hook {name} already: choose another name, or edit it there", file=str(file), name=name),
    )


def _write(file: Path, before: str, table: str) -> None:
    """All or nothing: a process that reads the file meanwhile sees it before or after."""
    fresh = file.with_name(f".{file.name}.new")
    try:
        fresh.write_text(before + ("" if before.endswith("\n") or not before else "\n") + table, "utf-8")
        if file.exists():
            shutil.copymode(file, fresh)
        os.replace(fresh, file)
    except OSError as error:
        problem = Phrase("{file} cannot be written: {problem}", file=str(file), problem=system_problem(error))
    else:
        return
    raise BadInput("output", problem)
