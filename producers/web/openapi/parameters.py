"""Parameters that several routes have, each with an example."""

from typing import Annotated

from fastapi import Path, Query

__all__ = [
    "ANNOUNCEMENT_ID",
    "NOTIFICATION_ID",
    "AnnouncementId",
    "Desk",
    "NotificationId",
    "NumberCursor",
    "PageCursor",
]

NOTIFICATION_ID, ANNOUNCEMENT_ID = "n_1m81nbj1tq2fk1sa", "a_1m81nbkrcx0y2wve"

NotificationId = Annotated[
    str,
    Path(
        description="`n_…`; a row of an announcement is `n_…-7`.",
        openapi_examples={"an event": {"value": NOTIFICATION_ID}},
    ),
]
AnnouncementId = Annotated[
    str, Path(description="`a_…`", openapi_examples={"an announcement": {"value": ANNOUNCEMENT_ID}})
]
Desk = Annotated[str | None, Query(description="Of this desk alone.")]
_CURSOR = "`next` of the page before; none for the first page."
PageCursor = Annotated[str | None, Query(description=_CURSOR)]
NumberCursor = Annotated[int | None, Query(ge=0, le=2**31, description=_CURSOR)]
