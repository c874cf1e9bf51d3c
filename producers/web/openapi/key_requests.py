"""The body of `POST /v1/keys` as the OpenAPI document has it, with examples that work when pasted."""

from ledger.api_key import Scope
from ledger.key_request import KeyRequest
from producers.web.openapi.bodies import REFERENCE, json_body, json_object

__all__ = ["KEY_BODY"]

_SCOPES = {
    "type": "array",
    "minItems": 1,
    "items": {"$ref": REFERENCE.format(model=Scope.__name__)},
    "description": "What it may do. None includes another.",
}
_FIELDS = KeyRequest.model_json_schema()["properties"] | {"scopes": _SCOPES}
KEY_BODY = json_body(
    json_object("KeyRequest", _FIELDS, ["name", "scopes"], description="What the key may do, and how much of it."),
    {
        "For Grafana, which sends to one desk": {"name": "grafana", "scopes": ["send"], "rate": "600/minute"},
        "For a pilot with a few testers": {"name": "pilot", "scopes": ["announce", "read"], "only": ["ou_ada"]},
        "For a staging system, which must not send": {"name": "staging", "scopes": ["send"], "test": True},
    },
)
