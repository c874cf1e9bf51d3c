"""The user of this machine, as the record has it for what is done without an API key."""

import getpass
import os
import socket

__all__ = ["machine_user"]


def machine_user() -> str:
    """`ada@web-1`; goes on record with the act."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number only
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
