"""The three kinds of personal ids: `ou_X`, `on_X` and `u_X` are the same person, for any X."""

__all__ = ["ID_TYPES", "PREFIXES", "id_part", "ids_and_name"]

#: How an id begins, by the `user_id_type`.
PREFIXES = {"open_id": "ou_", "union_id": "on_", "user_id": "u_"}

#: The values of `user_id_type`.
ID_TYPES = frozenset(PREFIXES)


def id_part(any_id: str, id_type: str) -> str | None:
    """What the three ids of the person share, None if this is not an id of that type."""
    rest = any_id.removeprefix(PREFIXES[id_type])
    return rest if rest and rest != any_id else None


def ids_and_name(open_id: str) -> dict[str, str]:
    """Of a guest, as tickets tell them."""
    rest = open_id.removeprefix(PREFIXES["open_id"])
    return {id_type: prefix + rest for id_type, prefix in PREFIXES.items()} | {"name": rest}
