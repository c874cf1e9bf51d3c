"""Reading an operator's TOML file within limits, with one-line errors."""

import tomllib
from pathlib import Path
from typing import Any

from ledger.errors import BadInput

__all__ = ["parse_toml", "read_toml"]

#: More than a thousand desks, hooks or rows of codes.
_FILE_BYTES = 1024 * 1024


def read_toml(path: Path, where: str) -> dict[str, Any]:
    """Raises BadInput under `where`, naming the file."""
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES + 1)
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(where, f"{path} cannot be read: {error}") from None
    if len(data) > _FILE_BYTES:
        raise BadInput(where, f"{path} has more than {_FILE_BYTES:,} bytes")
    return parse_toml(text, str(path), where)


def parse_toml(text: str, name: str, where: str) -> dict[str, Any]:
    """Raises BadInput under `where`, naming `name`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = f"is not TOML: {error}"
    except RecursionError:
        problem = "is nested too deeply"
    except ValueError:
        problem = "contains a number with too many digits"
    # Raised outside the except clauses: the traceback of a RecursionError has a thousand frames.
    raise BadInput(where, f"{name} {problem}")
