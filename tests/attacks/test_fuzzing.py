"""Every reader under what Hypothesis makes of good input: the same examples each time.

More of them: CLASSCOMP_EXAMPLES=100000 python -m pytest tests/attacks/test_fuzzing.py. Guided by
coverage: `fuzzing.py`.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attacks.attacking import back_in_time
from tests.attacks.readers import READERS, ask
from tests.attacks.seeds import seeds_of

NUM_EXAMPLES = int(os.environ.get("CLASSCOMP_EXAMPLES", "60"))
TOKENS = (
    *(b"1e999", b"-1e308", b"NaN", b"Infinity", b"9" * 400, b"9" * 5_000, b"0x" + b"f" * 400),
    *(b"null", b"true", b"[", b"{", b"]", b"}", b'"', b"[" * 2_000, b"\\ud800", b"\x00", b"\xff"),
    *(b"a." * 500, b"$\\q{$", b"\x1b[2J", b"\r\n", b"-", b".", b"=", b'"""', b"#", b"2026-01-01"),
)


@st.composite
def mutated(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Good bytes cut, doubled, overwritten, or with something strange in their midst."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 24)))
        how = draw(st.sampled_from(["cut", "end", "bytes", "token", "double", "bit"]))
        if how == "cut":
            del data[start:end]
        elif how == "end":
            del data[start:]
        elif how == "bytes":
            data[start:end] = draw(st.binary(max_size=24))
        elif how == "token":
            data[start:end] = draw(st.sampled_from(TOKENS))
        elif how == "double":
            data[start:start] = data[start:end]
        elif start < len(data):
            data[start] ^= 1 << draw(st.integers(0, 7))
    return bytes(data)


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_takes_or_refuses(reader: str) -> None:
    seeds = tuple(seeds_of(reader))
    assert all(ask(reader, seed) for seed in seeds), "what is as it should be is taken"

    @settings(
        max_examples=NUM_EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.one_of(mutated(seeds), st.binary(max_size=200)))
    def each(data: bytes) -> None:
        with back_in_time():
            ask(reader, data)

    each()
