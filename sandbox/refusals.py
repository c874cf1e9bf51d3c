"""Every error answer of the sandbox, with codes and statuses from Feishu's public documentation.

Undocumented HTTP statuses (wrong path, wrong method, unknown id) are the usual HTTP ones.
"""

from sandbox.answers import Refusal

__all__ = [
    "APP_SECRET_WRONG",
    "BAD_REQUEST",
    "BY_CODE",
    "DESK_HIDDEN",
    "FIELD_INVALID",
    "ID_NOT_FOUND",
    "IMAGE_EMPTY",
    "IMAGE_FORMAT",
    "IMAGE_PARAM",
    "IMAGE_TOO_BIG",
    "INVALID_PARAM",
    "NOT_A_TOKEN",
    "NOT_FOUND",
    "NOT_THE_SENDER",
    "NO_SUCH_MESSAGE",
    "NO_SUCH_METHOD",
    "NO_SUCH_PATH",
    "NO_TOKEN",
    "RATE_LIMIT_CODE",
    "RESIGNED",
    "TOKEN_INVALID",
    "TOO_LARGE",
    "UNAUTHORIZED",
    "USER_TOKEN",
    "over_rate",
]

#: Over the rate, for every API.
RATE_LIMIT_CODE = 99991400

# From the gateway, before any API sees the call.
NO_TOKEN = Refusal(400, 99991661, "Missing access token for authorization. Please make a request with token attached.")
TOKEN_INVALID = Refusal(400, 99991663, "Invalid access token for authorization.")
NOT_A_TOKEN = Refusal(400, 99991671, "Invalid access token: it must start with t- or u-.")
USER_TOKEN = Refusal(400, 99991668, "Invalid access token: user access tokens are not supported.")
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

DESK_HIDDEN = Refusal(401, 154402, "Helpdesk can't be see by user")

# After sending. The documents name these for messages of the same bot; nothing is said about a helpdesk's messages.
NOT_THE_SENDER = Refusal(400, 230012, "Bot is NOT the sender of the message.")
NO_SUCH_MESSAGE = Refusal(400, 230001, "Your request contains an invalid request parameter.")

#: Errors of the helpdesk and of messages, for a fault that names its code alone.
BY_CODE = {
    refusal.code: refusal
    for refusal in (
        BAD_REQUEST,
        UNAUTHORIZED,
        Refusal(403, 154003, "Please check you have the correct access"),
        NOT_FOUND,
        Refusal(405, 154005, "Method Forbidden"),
        Refusal(401, 154401, "Ticket already be closed"),
        DESK_HIDDEN,
        Refusal(401, 154405, "The user has a ticket in progress"),
        Refusal(500, 155000, "Internal error"),
        NO_SUCH_MESSAGE,
        Refusal(400, 230002, "Bot/User can NOT be out of the chat."),
        Refusal(400, 230006, "Bot ability is not activated."),
        NOT_THE_SENDER,
        Refusal(400, 230013, "Bot has NO availability to this user."),
        Refusal(400, 230026, "No permission to recall this message."),
        Refusal(400, 230027, "Lack of necessary permissions."),
        RESIGNED,
        Refusal(400, 230033, "The message was sent more than 7 days ago."),
        Refusal(400, 230050, "The message is invisible to the operator."),
    )
}

# Image upload.
IMAGE_PARAM = Refusal(400, 234001, "Invalid request param.")
IMAGE_TOO_BIG = Refusal(400, 234006, "The file size exceed the max value.")
IMAGE_EMPTY = Refusal(400, 234010, "File's size can't be 0.")
IMAGE_FORMAT = Refusal(400, 234011, "Can't recognize the image format.")


def over_rate(calls: int, wait_seconds: int) -> Refusal:
    """HTTP 429, with the limit and the time to wait in two headers."""
    headers = (("x-ogw-ratelimit-limit", str(calls)), ("x-ogw-ratelimit-reset", str(wait_seconds)))
    return Refusal(429, RATE_LIMIT_CODE, "request trigger frequency limit", headers)
