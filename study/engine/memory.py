"""Memory that one optimizer step has freed is kept for the next one."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Numbers of mallopt(3)."""
LARGEST_BLOCK = 2**30
"""Bytes up to which a block comes from memory that is kept."""


def keep_freed_memory() -> None:
    """Asks glibc to give nothing back to the system; another C library is left as it is.

    As it comes, glibc has the larger blocks from the system and gives them back when they are
    freed. A network's maps of 28x28 images are such blocks, and the kernel clears thousands of
    pages in every step (`benchmarks/kept_memory.py`). A worker keeps what its largest trial
    took. No result depends on it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
