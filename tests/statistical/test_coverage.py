"""Ground truth: the landscape's 95% intervals cover known answers as docs/protocol.md says."""

import pytest

from study.analysis.columns import ERRORS, NOMINAL_ERRORS
from tests.statistical.coverage_studies import LAWS, MIXTURES, coverage, truths

CELLS = 1_000
EVERY = (*ERRORS, *NOMINAL_ERRORS)


def test_the_answers_telescope() -> None:
    for law in LAWS.values():
        known = truths(law, 0.4)
        assert known["total"] == pytest.approx(sum(known[name] for name in ERRORS[1:]))
        assert known["total"] == pytest.approx(sum(known[name] for name in NOMINAL_ERRORS))


def assert_covers(law: str, mixture: str, num_seeds: int, lowest: float, highest: float) -> None:
    shares = coverage(law, mixture, num_seeds, cells=CELLS, per_study=40)
    assert set(shares) == set(EVERY)
    assert all(lowest <= share <= highest for share in shares.values()), shares


@pytest.mark.long
@pytest.mark.parametrize("law", LAWS)
def test_intervals_of_every_error_cover(law: str) -> None:
    """1,000 cells of five seeds, 40 cells a study, seeds and examples both matter.

    At a true 95% a share below .93 has probability .002. Five seeds and three restarts together
    are covered by up to .975 (tests/analysis/test_crossed.py), of which one above .985 has .02.
    """
    assert_covers(law, "both", 5, 0.93, 0.985)


@pytest.mark.long
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("mixture", MIXTURES)
@pytest.mark.parametrize("num_seeds", [3, 5, 10, 20])
def test_intervals_cover_at_every_number_of_seeds(law: str, mixture: str, num_seeds: int) -> None:
    """As the table of docs/protocol.md: three exponential seeds are what falls short, below.

    Estimation is covered by up to .98 where the examples dominate: of three restarts and a few
    seeds the interactions alone are seen, on few degrees of freedom.
    """
    short = num_seeds == 3 and law == "exponential"
    assert_covers(law, mixture, num_seeds, 0.90 if short else 0.92, 0.995)
