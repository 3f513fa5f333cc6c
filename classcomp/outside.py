"""What a user's files must be before they are opened; `study.storage.outside` says it of a study's.

The two are told apart by a wall, and held alike by a test.
"""

import os
import stat
from pathlib import Path


def regular(path: str | Path) -> os.stat_result:
    """Return the status of a regular file: what is none may never end, or never begin.

    Raises:
        ValueError: it is a folder, a pipe, a device or a socket; the message follows the path.
        OSError: there is none.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("is a folder" if stat.S_ISDIR(status.st_mode) else "is no regular file")
    return status
