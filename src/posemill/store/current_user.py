"""Current user: the name that goes with every row that a person adds or corrects."""

from __future__ import annotations

import getpass
import socket


def current_user() -> str:
    """Return `user@host` of this process; the number of the user where it has no name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without an entry
        import os

        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
