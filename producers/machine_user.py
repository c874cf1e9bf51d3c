"""The user of this machine: goes on record for acts that need no API key."""

import getpass
import os
import socket

from ledger.draft import Person

__all__ = ["machine_person", "machine_user"]


def machine_user() -> str:
    """As `ada@web-1`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number only
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def machine_person() -> Person:
    """The same as author or approver of drafts."""
    user = machine_user()
    return Person(user, user)
