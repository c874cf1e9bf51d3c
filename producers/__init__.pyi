"""What type checkers see of `public.py`."""

from deskbell import *  # noqa: F403
