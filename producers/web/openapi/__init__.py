"""The description of the HTTP API: schemas of requests and answers, and the document that is made of them."""

__all__: list[str] = []
