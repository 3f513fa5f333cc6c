"""Seeds are named streams: hashed from names, so that adding one moves no other."""

import hashlib
import json

VARIANCE_BASE = 100  # seeds of a factor in the role `variance`, at most
VARIANCE_FACTORS = ("data", "init", "order")
SEARCH_BASE = 10_000  # proposals of one search, at most


def seed_for(*names: str | int) -> int:
    """A seed in [0, 2**62) hashed from a stream's name."""
    digest = hashlib.sha256(json.dumps(names).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2


def encode_search_seed(repeat: int, number: int) -> int:
    """The number of a proposal among all of a cell's independent searches."""
    return repeat * SEARCH_BASE + number


def decode_search_seed(seed: int) -> tuple[int, int]:
    """Return (repeat, number) of what `encode_search_seed` returned."""
    return divmod(seed, SEARCH_BASE)


def encode_variance_seed(data: int, init: int, order: int) -> int:
    """The number of a crossed trial; it does not depend on how many are crossed."""
    return (data * VARIANCE_BASE + init) * VARIANCE_BASE + order


def decode_variance_seed(seed: int) -> tuple[int, int, int]:
    """Return (data, init, order) of what `encode_variance_seed` returned."""
    rest, order = divmod(seed, VARIANCE_BASE)
    return *divmod(rest, VARIANCE_BASE), order
