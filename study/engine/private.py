"""What a local study's Ray keeps on this machine, kept from its other users.

Ray makes its folder below /tmp for all to write into, and a token that all may read. Here both are
this user's alone. What drivers left that were killed is removed by the next one.
"""

import os
import re
import secrets
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

TOKEN = Path(".ray/auth_token")
"""Below the home folder, where Ray looks for it."""
_LEFT = re.compile(r"(?:session|tune)_.*_(\d+)")
"""Folders of a driver, by its process."""


class NotPrivateError(OSError):
    """A place that should be this user's alone is not; the message is one line."""


def private_folder() -> Path:
    """The folder of this user's studies on this machine; its path is short, as sockets need it.

    Raises:
        NotPrivateError: somebody else made it.
    """
    path = Path(tempfile.gettempdir()).absolute() / f"classcomp-{os.getuid()}"
    with suppress(FileExistsError):
        path.mkdir(mode=0o700, parents=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise NotPrivateError(
            f"{path}: is not this user's own folder; move it away, or name another place in TMPDIR"
        )
    if stat.S_IMODE(status.st_mode) & 0o077:
        path.chmod(0o700)
    return path


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder for the time of a sweep; one that is left is known by its process."""
    return tempfile.TemporaryDirectory(
        prefix="tune_", suffix=f"_{os.getpid()}", dir=private_folder()
    )


def sweep(folder: Path) -> None:
    """Removes what drivers left in a folder that are gone; what cannot be removed stays."""
    for path in folder.iterdir() if folder.is_dir() else ():
        found = _LEFT.fullmatch(path.name)
        if found and not path.is_symlink() and not Path(f"/proc/{found[1]}").exists():
            shutil.rmtree(path, ignore_errors=True)


def secure_token() -> None:
    """Lets nobody else read the token that Ray asks for; makes one where there is none.

    Raises:
        OSError: the home folder takes none.
    """
    path = Path.home() / TOKEN
    if path.is_file():
        status = path.stat()
        if status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) & 0o077:
            path.chmod(0o600)
        return
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with suppress(FileExistsError):  # of a study that starts at the same moment
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(file, "w") as held:
            held.write(secrets.token_hex(32))
