"""`.env`: what Deskbell and Compose would read differently is refused."""

import re
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from ledger.errors import BadInput
from ledger.phrases import Phrase

__all__ = ["check_env_file"]

#: Compose takes what follows for a variable, with or without braces; python-dotenv knows braces alone.
_BARE_DOLLAR = re.compile(r"\$(?!\{)")


def check_env_file(path: Path) -> None:
    """Raises BadInput for a variable of Deskbell that a container would read differently. A missing file passes."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8") as file:
        for binding in parse_stream(file):
            if (binding.key or "").startswith("DESKBELL_") and _is_expanded_by_compose(binding):
                problem = Phrase(
                    "put its value in {file} in single quotes: Compose takes $ for a variable", file=str(path)
                )
                raise BadInput(binding.key or "", problem)


def _is_expanded_by_compose(binding: Binding) -> bool:
    written = binding.original.string.partition("=")[2].lstrip()
    return bool(_BARE_DOLLAR.search(binding.value or "")) and not written.startswith("'")
