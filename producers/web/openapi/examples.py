"""Puts the examples of the answers into the OpenAPI document."""

from typing import Any

from producers.web.openapi.answer_examples import ANSWERS, FILES

__all__ = ["add_examples"]


def add_examples(document: dict[str, Any]) -> None:
    """To every operation that says something."""
    for operations in document["paths"].values():
        for operation in operations.values():
            name = operation["operationId"]
            for status, values in ANSWERS.get(name, {}).items():
                content = operation["responses"][str(status)].setdefault("content", {})
                written = "application/json" if "application/json" in content else "text/plain"
                examples = {summary: {"summary": summary, "value": value} for summary, value in values.items()}
                content.setdefault(written, {"schema": {"type": "string"}})["examples"] = examples
            for written, value in FILES.get(name, {}).items():
                operation["responses"]["200"]["content"][written]["example"] = value
