"""The body of `PUT /v1/templates/{name}`."""

from producers.web.openapi.bodies import REFERENCE, fixed_object, json_body
from producers.web.openapi.field_texts import TEXTS
from producers.web.openapi.notifications import MARKDOWN, TEXT

__all__ = ["TEMPLATE"]

TEMPLATE = json_body(
    fixed_object(
        "TemplateRequest",
        {
            "text": TEXT | {"description": TEXTS["text"]},
            "markdown": MARKDOWN,
            "message": {
                "$ref": REFERENCE.format(model="Message"),
                "description": "A message with variables in its strings.",
            },
        },
        [],
        description="What the template says, in one of three forms.",
        allOf=[{"oneOf": [{"required": [name]} for name in ("text", "markdown", "message")]}],
    ),
    {
        "A text": {"text": "Disk {{ free }} free on {{ host }}"},
        "A card in Markdown": {"markdown": "# Office move\n\nDear **{{ name }}**, we move on Friday."},
    },
)
