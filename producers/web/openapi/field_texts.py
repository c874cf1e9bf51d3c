"""What the fields of a request mean: said once for notifications, announcements and drafts."""

__all__ = ["TEXTS", "TIME", "TIME_ZONE"]

#: A time of a request: another form than that of the answers, since durations are taken, too.
TIME = {
    "type": "string",
    "pattern": r"^(\d{4}-\d\d-\d\dT\d\d:\d\d|\d{1,6}(ms|s|m|h|d)$)",
}
_WRITTEN = "A time such as `2026-11-30T09:00+08:00` (without an offset it is one of `timezone`), or a duration from now"
TIME_ZONE = "Time zone of a time without an offset: `Asia/Shanghai`."
_WHO = "Who gets the message of one row, marked as a test: an id, an e-mail address, `+86…` or `mobile:138…`."

#: By the names of the fields.
TEXTS = {
    # to whom
    "receiver_id": "An id of the kind `user_id_type`. Give one of receiver_id, email and mobile.",
    "email": "The receiver's e-mail address. It is looked up after acceptance.",
    "mobile": "The receiver's mobile number, with + and country code outside mainland China.",
    "user_id_type": "The kind of `receiver_id`.",
    "rows": "Who gets it: each row has `receiver_id` (or `email` or `mobile`), perhaps `receive_type`, `user_id_type`"
    " and `send_at`; everything else in it is a variable of the message.",
    "departments": "Everybody in these, and below them.",
    "groups": "Everybody in these user groups.",
    "everyone": "The whole company; needs the contact range of all staff.",
    "direct": "Without those below the departments.",
    "partial": "Leave out what the app cannot see, instead of refusing all.",
    "exclude": "Who gets nothing: addresses (ids, e-mail addresses, mobile numbers with +), or rows as `rows` has"
    " them.",
    "new_since": "Without the receivers of this announcement: `a_…`.",
    # what
    "text": "A plain text. In an announcement and a template `{{ name }}` is a variable.",
    "markdown": "A text in Markdown, sent as a card: see docs/announcements.md.",
    "message": "Any message of Feishu's: give one of text, markdown, message and template.",
    "template": "A saved template of the desk: its latest version, or `NAME@3`.",
    "variables": "Of the template: all that it needs, and no other.",
    # how
    "desk": "The desk that sends it.",
    "receive_type": "`chat`, the group of the helpdesk, or `user`, the bot's own chat.",
    "on_unknown": "What happens if it may have been sent, and nobody can tell.",
    "on_open_ticket": "What happens while the receiver has an open ticket, which blocks `chat`.",
    "throttle": "`30m`: the first event to the receiver goes at once; what follows joins one message.",
    "digest": "`5m`: all events to the receiver within this time go as one message.",
    # when
    "at": f"When it is sent. {_WRITTEN} such as `1h`.",
    "expires": f"It is not sent after this. {_WRITTEN} such as `1h`.",
    "timezone": "Time zone of `between`, and of times without an offset: `Asia/Shanghai`.",
    "between": "Hours of the day, in `timezone`, at which it may send: `09:00-18:00`.",
    # of the whole announcement
    "name": "The name that people know it by.",
    "weight": "Turns that it gets where another announcement of the desk gets one.",
    "first": "Pause after this many rows, until it is resumed.",
    "stop_at": "Pause when, of at least 20 rows that ended, more than this share failed: `5%`.",
    "notify": "Who gets a message when it pauses by itself, and when it ends: an address.",
    "dry_run": "Accept nothing, and answer with what would be sent.",
    "draft": "Keep it as a draft, which somebody starts later.",
    "test_to": f"{_WHO} Nothing else is accepted.",
    "row": "Of a test: the number of a row from 1, or a word.",
    "to": _WHO,
    # reading a file
    "skip_invalid": "Leave out invalid rows, instead of refusing all rows.",
    "allow_duplicates": "Send to a receiver as often as the file has them.",
    "hidden": "What happens to hidden rows of a workbook.",
    "encoding": "Of a CSV or JSONL file, such as `cp949`, if it is neither UTF-8 nor GB18030.",
    "address_column": "The column that says to whom: ids, e-mail addresses or mobile numbers.",
    # of programs
    "key": "Idempotency key: the same key with the same content is accepted once.",
    "callback_url": "Where its result is posted: see docs/callbacks.md.",
    "traceparent": "The trace that it belongs to (W3C Trace Context).",
}
