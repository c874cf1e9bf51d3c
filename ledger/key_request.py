"""What a key is made with: the options of `deskbell key create`, the body of `POST /v1/keys`, the console's form."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ledger.api_key import MOST_ADDRESSES, ApiKey, KeyLimits, Scope
from ledger.api_keys import ApiKeys
from ledger.messages.json_fields import refusal_of

__all__ = ["KeyRequest"]


class KeyRequest(BaseModel):
    """The fields; null counts as absent."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, strict=True)

    name: Annotated[str, Field(description="Shown in lists and in the audit log; of one usable key at a time.")]
    scopes: Annotated[list[str], Field(description="What it may do. None includes another.")]
    desks: Annotated[list[str] | None, Field(description="The desks that it may use; null for all.")] = None
    rate: Annotated[str | None, Field(description="Most calls, such as `600/minute`.")] = None
    max_rows: Annotated[int | None, Field(ge=1, le=10**9, description="Most rows of one announcement.")] = None
    daily: Annotated[
        int | None, Field(ge=1, le=10**9, description="Most notifications a day (UTC), rows included.")
    ] = None
    only: Annotated[
        list[str] | None, Field(max_length=MOST_ADDRESSES, description="The addresses that it may write to alone.")
    ] = None
    test: Annotated[bool, Field(description="What it submits is checked and answered, and not sent.")] = False

    @classmethod
    def build(cls, given: Mapping[str, Any]) -> Self:
        """Raises BadInput naming the field."""
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            refusal = refusal_of(error)
        # Raised outside the except clause: as its context the ValidationError would carry the input along.
        raise refusal

    def make(self, keys: ApiKeys, by: str, grantor: ApiKey | None) -> tuple[ApiKey, str]:
        """The key and its secret. Raises as `ApiKeys.create`."""
        limits = KeyLimits(self.max_rows, self.daily, None if self.only is None else tuple(self.only), self.test)
        desks = None if self.desks is None else frozenset(self.desks)
        return keys.create(self.name, Scope.several(self.scopes), desks, self.rate, by, limits, grantor)
