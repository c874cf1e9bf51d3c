"""`/v1/keys`: the keys of this API, for keys with the scope `admin`."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import Field, with_config
from typing_extensions import TypedDict

from ledger.api_key import ApiKey, Scope
from ledger.errors import NotFound
from ledger.key_grants import manages
from ledger.key_request import KeyRequest
from ledger.messages.json_fields import shortened
from ledger.times import IsoTime
from producers.web.access import Admin
from producers.web.bodies import Body, json_response
from producers.web.context import ContextDep
from producers.web.openapi.key_requests import KEY_BODY
from producers.web.openapi.refusals import ALWAYS, ON_BODY, refusals

__all__ = ["router"]

router = APIRouter(prefix="/v1/keys", tags=["keys"], responses=ALWAYS)


@with_config(title="Key")
class KeyJson(TypedDict):
    """A key, without its secret."""

    id: Annotated[str, Field(description="`k_…`, or `variable:` and its name for one of DESKBELL_API_KEYS.")]
    name: Annotated[str, Field(description="Shown in lists and in the audit log.")]
    scopes: Annotated[list[Scope], Field(description="What it may do. None includes another.")]
    desks: Annotated[list[str] | None, Field(description="null for all.")]
    rate: Annotated[str | None, Field(description="Most calls, such as `600/minute`; null for as often as it likes.")]
    max_rows: Annotated[int | None, Field(description="Most rows of one announcement; null for any number.")]
    daily: Annotated[
        int | None, Field(description="Most notifications a day (UTC), rows included; null for any number.")
    ]
    only: Annotated[list[str] | None, Field(description="The only addresses that it may write to; null for everybody.")]
    test: Annotated[bool, Field(description="True: what it submits is checked and answered, and not sent.")]
    created_at: Annotated[IsoTime | None, Field(description="null for one of DESKBELL_API_KEYS.")]
    created_by: Annotated[str | None, Field(description="Who created it.")]
    last_used_at: Annotated[IsoTime | None, Field(description="Within a minute.")]
    revoked_at: Annotated[IsoTime | None, Field(description="From then on it is refused; null as long as it works.")]
    revoked_by: Annotated[str | None, Field(description="Who revoked it.")]


@with_config(title="KeyMade")
class KeyMadeJson(KeyJson):
    """A key with its secret, which is stored nowhere."""

    secret: Annotated[str, Field(description="`dbk_…`: what a caller sends. It is shown only here.")]


class KeyList(TypedDict):
    """The keys that the caller manages, revoked ones included."""

    keys: Annotated[list[KeyJson], Field(description="In the order in which they were made.")]


Id = Annotated[str, Path(description="`k_…`", openapi_examples={"one": {"value": "k_0123456789ab"}})]
_MAKING: dict[str, Any] = {"response_model": KeyMadeJson, "responses": ON_BODY, "openapi_extra": KEY_BODY}


@router.get("", summary="List keys", response_model=KeyList)
def list_keys(caller: Admin, context: ContextDep) -> Response:
    """List the keys, in the order in which they were made. A key for some desks sees those of its desks."""
    keys = [key.as_json() for key in context.keys.list() if manages(caller.key, key)]
    return json_response({"keys": keys})


@router.post("", status_code=HTTPStatus.CREATED, summary="Create a key", **_MAKING)
def create_key(caller: Admin, body: Body, context: ContextDep) -> Response:
    """Create a key. Its secret is shown only here. Nobody can grant a scope, a desk or a limit beyond their own."""
    key, secret = KeyRequest.build(body).make(context.keys, caller.by, caller.key)
    return json_response(key.as_json() | {"secret": secret}, HTTPStatus.CREATED)


@router.delete("/{id}", summary="Revoke a key", response_model=KeyJson, responses=refusals(404, 409))
def revoke_key(id: Id, caller: Admin, context: ContextDep) -> Response:
    """Revoke a key: it is refused from the next request on. A repeat changes nothing.

    The last key with the scope `admin` stays (409); one of DESKBELL_API_KEYS is removed there (422).
    """
    key = _managed(context.keys.list(), caller.key, id)
    return json_response(context.keys.revoke(key.id, caller.by, caller.key).as_json())


def _managed(keys: list[ApiKey], admin: ApiKey | None, id: str) -> ApiKey:
    """Raises NotFound, also for a key of other desks."""
    for key in keys:
        if key.id == id and manages(admin, key):
            return key
    raise NotFound(shortened(id))
