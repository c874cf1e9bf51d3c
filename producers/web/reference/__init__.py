"""The reference page of the HTTP API, made from its OpenAPI document."""

__all__: list[str] = []
