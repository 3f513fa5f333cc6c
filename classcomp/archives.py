"""Arrays of .npz files that come from outside, looked at before they are loaded."""

import math
import zipfile
from collections.abc import Sequence
from io import BytesIO

import numpy as np

_LONGEST_HEADER = 2**14


def why_not(archive: zipfile.ZipFile, keys: Sequence[str], most: int) -> str | None:
    """Why arrays of an .npz file must not be loaded, from their headers alone; None if they may be.

    They hold pickled objects, or are of more than `most` bytes together, unpacked.
    """
    num_bytes = 0
    for key in keys:
        with archive.open(f"{key}.npy") as member:
            # A copy of bounded length: a header could claim four gigabytes of itself.
            start = BytesIO(member.read(_LONGEST_HEADER))
        version = np.lib.format.read_magic(start)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(start)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(start)
        if dtype.hasobject:
            return f"{key} holds pickled Python objects: must be an array of numbers"
        num_bytes += math.prod(shape) * dtype.itemsize
    return too_large(num_bytes, most)


def too_large(num_bytes: int, most: int) -> str | None:
    """Say that arrays are larger than `most` bytes; None if they are not."""
    if num_bytes <= most:
        return None
    return (
        f"its arrays take {num_bytes / 2**30:.3g} GiB unpacked: at most "
        f"{most / 2**30:.3g} GiB are allowed"
    )


def read_member(archive: zipfile.ZipFile, key: str) -> np.ndarray:
    """One array of an .npz file, never unpickled.

    Raises:
        Exception: whatever zipfile and numpy meet in a damaged file.
    """
    with archive.open(f"{key}.npy") as member:
        array = np.lib.format.read_array(member, allow_pickle=False)
        member.read(1)  # the end of the member is where its checksum is compared
        return array
