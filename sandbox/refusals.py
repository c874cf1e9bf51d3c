"""Every error answer of the sandbox, with codes and statuses from Feishu's public documentation.

Undocumented HTTP statuses (wrong path, wrong method, unknown id) are the usual HTTP ones.
"""

from sandbox.answers import Refusal

__all__ = [
    "APP_SECRET_WRONG",
    "BAD_REQUEST",
    "FIELD_INVALID",
    "ID_NOT_FOUND",
    "IMAGE_EMPTY",
    "IMAGE_FORMAT",
    "IMAGE_PARAM",
    "IMAGE_TOO_BIG",
    "INVALID_PARAM",
    "NOT_FOUND",
    "NO_SUCH_METHOD",
    "NO_SUCH_PATH",
    "NO_TOKEN",
    "RATE_LIMIT_CODE",
    "RESIGNED",
    "TOKEN_INVALID",
    "TOO_LARGE",
    "UNAUTHORIZED",
    "over_rate",
]

#: Over the rate, for every API.
RATE_LIMIT_CODE = 99991400

# From the gateway, before any API sees the call.
NO_TOKEN = Refusal(400, 99991661, "Missing access token for authorization. Please make a request with token attached.")
TOKEN_INVALID = Refusal(400, 99991663, "Invalid access token for authorization.")
NO_SUCH_PATH = Refusal(404, 99991201, "path not found")
NO_SUCH_METHOD = Refusal(405, 99991301, "method not allowed")
FIELD_INVALID = Refusal(400, 99992402, "field validation failed")
ID_NOT_FOUND = Refusal(400, 99992351, "the id does not exist")
TOO_LARGE = Refusal(413, 9499, "request entity too large")

# The token endpoint refuses with HTTP 200.
INVALID_PARAM = Refusal(200, 10003, "invalid param")
APP_SECRET_WRONG = Refusal(200, 10015, "app secret invalid")

# The helpdesk.
BAD_REQUEST = Refusal(400, 154000, "Bad request, please check your request body")
UNAUTHORIZED = Refusal(401, 154001, "Unauthorized, please check you have the correct access")
NOT_FOUND = Refusal(404, 154004, "Resource not found")
#: The code of the message API; whether the helpdesk hands it on is not documented.
RESIGNED = Refusal(400, 230029, "The user has resigned.")

# Image upload.
IMAGE_PARAM = Refusal(400, 234001, "Invalid request param.")
IMAGE_TOO_BIG = Refusal(400, 234006, "The file size exceed the max value.")
IMAGE_EMPTY = Refusal(400, 234010, "File's size can't be 0.")
IMAGE_FORMAT = Refusal(400, 234011, "Can't recognize the image format.")


def over_rate(calls: int, wait_seconds: int) -> Refusal:
    """HTTP 429, with the limit and the time to wait in two headers."""
    headers = (("x-ogw-ratelimit-limit", str(calls)), ("x-ogw-ratelimit-reset", str(wait_seconds)))
    return Refusal(429, RATE_LIMIT_CODE, "request trigger frequency limit", headers)
