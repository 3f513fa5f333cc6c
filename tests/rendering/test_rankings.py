"""Which family errs less over a population, in words."""

from typing import Any

import pytest

from study.analysis.columns import TERM_COMPARISON_COLUMNS
from study.analysis.frames import typed_frame
from study.rendering.rankings import rankings, term_sentences
from tests.rendering.conftest import (
    Record,
    comparison_frame,
)
from tests.rendering.synthetic_study import XOR


class TestRankings:
    """Which family errs less over all cells."""

    def pair(self, first: str, second: str, difference: float, p: float | None) -> Record:
        return {
            "first": first,
            "second": second,
            "difference": difference,
            "difference_lo": difference - 0.004,
            "difference_hi": difference + 0.006,
            "p_holm": p,
            "significant": None if p is None else p < 0.05,
        }

    def test_one_that_beats_all_others_errs_least(self) -> None:
        rows = [
            self.pair("a", "b", -0.02, 0.001),
            self.pair("a", "c", -0.03, 0.0001),
            self.pair("b", "c", -0.01, 0.3),
        ]
        (found,) = rankings(comparison_frame(*rows), [XOR])
        assert found.headline == (
            "over all cells of xor a errs least, 2.0 [1.4, 2.4] points (p = 0.001) less "
            "than the next, b"
        )
        assert "2 of 3 pairs differ significantly: a errs 3.0 [2.4, 3.4]" in found.details
        assert found.details.endswith("the others are not told apart")

    def test_a_winner_of_some_is_no_winner_of_all(self) -> None:
        rows = [
            self.pair("a", "b", 0.02, 0.2),
            self.pair("a", "c", 0.03, 0.01),
            self.pair("b", "c", 0.01, 0.3),
        ]
        (found,) = rankings(comparison_frame(*rows), [XOR])
        assert "least" not in found.headline
        assert found.headline.endswith(
            "c errs 3.0 [2.6, 3.6] points (p = 0.01) less than a (1 of 3 pairs differ)"
        )

    def test_none_is_none_and_unknown_is_unknown(self) -> None:
        (found,) = rankings(comparison_frame(self.pair("a", "b", 0.02, 0.06)), [XOR])
        assert "no family differs significantly" in found.headline
        (found,) = rankings(comparison_frame(self.pair("a", "b", 0.02, None)), [XOR])
        assert found.headline.endswith(
            "it was not tested whether families differ: decisions of some of their trials are "
            "missing or unusable"
        )

    @pytest.mark.parametrize(
        ("changes", "told", "why"),
        [
            ({"num_pairs": 1}, {}, "there is a single seed"),
            ({"num_pairs": 3}, {"has_decisions": False}, "the rules’ decisions (decisions/) are"),
        ],
    )
    def test_what_was_not_tested_says_why(
        self, changes: Record, told: dict[str, Any], why: str
    ) -> None:
        row = self.pair("a", "b", 0.02, None) | changes
        (found,) = rankings(comparison_frame(row), [XOR], **told)
        assert f"was not tested whether families differ: {why}" in found.details

    def test_rows_of_single_cells_do_not_count(self) -> None:
        row = self.pair("a", "b", 0.02, 0.001) | {"scope": "cell"}
        assert rankings(comparison_frame(row), [XOR]) == []

    def test_terms_by_which_families_differ_are_told(self) -> None:
        named = {"scope": "population", "population": XOR}
        rows = [
            named | {"error": "estimation"} | self.pair("a", "b", 0.02, 0.01),
            named | {"error": "estimation"} | self.pair("a", "c", -0.03, 0.2),
            named | {"error": "optimization"} | self.pair("a", "b", 0.02, None),
            named | {"error": "optimization"} | self.pair("a", "c", 0.02, 0.02),  # of one term only
            named
            | {"error": "approximation", "is_bound": True, "population": XOR}
            | {**self.pair("a", "b", -0.02, 0.01), "significant": None},
            {**named, "scope": "cell", "error": "objective"} | self.pair("a", "b", 0.02, 0.01),
        ]
        found = term_sentences(typed_frame(rows, TERM_COMPARISON_COLUMNS), [XOR, "digits"])
        assert found == [
            "By estimation, over all cells of xor, 1 of 2 pairs that can be told differ (p for all "
            "pairs and terms): b’s is 2.0 [1.6, 2.6] points (p = 0.04) below a’s."
        ]
