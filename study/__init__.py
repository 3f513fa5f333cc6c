"""The study: which trials to run, what they say, and the landscape of errors they draw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.opened import StudyResults


def open(path: str | Path) -> StudyResults:  # `study.open`, as one opens a file
    """Opens a study's results: `.trials`, `.landscape`, `.curves`, `.comparisons`, `.plot`, ...

    Args:
        path: a study's folder, an S3 address, or a trials table alone.

    Raises:
        TableError: one line, where a file is missing or cannot be used.
        StorageError: an address does not answer.
    """
    from study.opened import open_results

    return open_results(path)
