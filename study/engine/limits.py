"""Limits of a process (`ulimit`) under which a local Ray does not start, told before it fails.

Where one is too low Ray and torch die in many ways, most of them without a word.
"""

import resource

FEWEST_FILES = 1_024
"""Open files of a driver, a raylet or a worker."""
LEAST_MEMORY = 16 * 2**30
"""Bytes of address space (`ulimit -v`): torch and Ray reserve many times what they use."""
LEAST_FILE = 2**30
"""Bytes of a file (`ulimit -f`): Ray's store of objects is one."""


class LimitError(RuntimeError):
    """A limit of this process is too low; the message is one line."""


def check_limits() -> None:
    """Raises the number of open files as far as it may be, and refuses what Ray would die of.

    Raises:
        LimitError: one line that names the limit, what it is and what it has to be.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _is_below(soft, FEWEST_FILES) and not _is_below(hard, FEWEST_FILES):
        resource.setrlimit(resource.RLIMIT_NOFILE, (FEWEST_FILES, hard))
    for name, flag, what, least in (
        (resource.RLIMIT_NOFILE, "n", "open files", FEWEST_FILES),
        (resource.RLIMIT_AS, "v", "bytes of address space", LEAST_MEMORY),
        (resource.RLIMIT_FSIZE, "f", "bytes of a file", LEAST_FILE),
    ):
        soft, _ = resource.getrlimit(name)
        if _is_below(soft, least):
            raise LimitError(
                f"this process may have {soft:,} {what} (ulimit -{flag}); a local study needs "
                f"{least:,}"
            )


def _is_below(limit: int, least: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < least
