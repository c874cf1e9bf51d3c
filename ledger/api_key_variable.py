"""The keys in DESKBELL_API_KEYS."""

from ledger.api_key import ApiKey, Scope, check_name, check_rate, digest_of, scopes_of_variable
from ledger.errors import BadInput
from ledger.phrases import Phrase

__all__ = ["keys_of_variable"]

#: Shortest secret: it is hashed without stretching, so it must not be guessable.
_LEAST_SECRET_CHARACTERS = 32


def keys_of_variable(value: str) -> dict[str, ApiKey]:
    """Reads DESKBELL_API_KEYS into keys by the hash of their secret: `name:secret:scope+scope[:desk+desk[:rate]]`,
    several joined by commas. Raises BadInput, which repeats no secret."""
    found: dict[str, ApiKey] = {}
    for number, entry in enumerate(filter(None, map(str.strip, value.split(","))), 1):
        which = Phrase("entry {number}", number=number)
        digest, key = _key_of_entry(entry, which)
        if digest in found or any(key.name == other.name for other in found.values()):
            raise BadInput(
                "DESKBELL_API_KEYS", Phrase("{which} has the name or the secret of one before it", which=which)
            )
        found[digest] = key
    return found


def _key_of_entry(entry: str, which: Phrase) -> tuple[str, ApiKey]:
    name, _, rest = entry.partition(":")
    secret, scopes, desks, rate, *more = [*rest.split(":"), "", "", ""]
    if any(more) or not scopes:
        raise BadInput(
            "DESKBELL_API_KEYS",
            Phrase("{which}: use name:secret:scope+scope, optionally followed by :desk+desk and :rate", which=which),
        )
    if len(secret) < _LEAST_SECRET_CHARACTERS:
        raise BadInput(
            "DESKBELL_API_KEYS",
            Phrase(
                "{which}: a secret must have at least {least} characters",
                which=which,
                least=_LEAST_SECRET_CHARACTERS,
            ),
        )
    try:
        check_name(name)
        key = ApiKey(
            f"variable:{name}", name, _scopes(scopes), frozenset(desks.split("+")) if desks else None, rate or None
        )
        check_rate(key.rate)
    except BadInput as error:
        raise BadInput("DESKBELL_API_KEYS", Phrase("{which}: {problem}", which=which, problem=error.problem)) from None
    return digest_of(secret), key


def _scopes(joined: str) -> frozenset[Scope]:
    return scopes_of_variable(Scope.several(joined.split("+")))
