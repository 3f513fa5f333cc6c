"""The sentences of the first screen: each is of a table, and none says more than it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from classcomp.models import widths
from study.analysis.decisions import Decisions
from study.analysis.reading import Study, read_study
from study.analysis.results import build_results
from study.analysis.table import build_trials
from study.rendering.answers import answers
from study.rendering.caveats import BUDGET_AT_DEPTH_1, BUDGET_TOLERANCE, caveats
from study.rendering.changes import changes
from study.rendering.findings import Findings, find, findings_text
from study.rendering.rankings import rankings
from study.rendering.terminal import wrap_findings
from study.trials.seeds import encode_search_seed
from tests.rendering.conftest import (
    Record,
    cell_row,
    comparison_frame,
    landscape_frame,
    make_record,
)
from tests.rendering.synthetic_study import XOR, Asked, write_study

SMALL = (0.010, 0.005, 0.015)
LARGE = (0.090, 0.080, 0.100)
TOTAL = (0.120, 0.110, 0.130)
DIGITS = "digits"


def known(family: str, **changes: Any) -> Record:
    """Return a cell whose estimation is the largest error, unless changes say otherwise."""
    named = {"total": TOTAL, "approximation": SMALL, "objective": SMALL, "optimization": SMALL}
    return cell_row(family, **{**named, "estimation": LARGE, **changes})


def real(family: str, **changes: Any) -> Record:
    named = {"population": DIGITS, "bayes_risk": None, "approximation_is_bound": None}
    return cell_row(family, **{**named, "estimation": LARGE, "optimization": SMALL, **changes})


def found_in(
    landscape: pd.DataFrame,
    comparisons: pd.DataFrame | None = None,
    records: list[Record] | None = None,
) -> Findings:
    return find(*_parts(landscape, comparisons, records))


def _parts(
    landscape: pd.DataFrame,
    comparisons: pd.DataFrame | None = None,
    records: list[Record] | None = None,
) -> tuple[Study, Any]:
    trials = build_trials(records or [], {})
    study = Study(
        name="x", folder=None, trials=trials, levels={}, curves=None, provenance={}, decisions=None
    )
    results = replace(
        build_results(build_trials([], {}), {}),
        landscape=landscape,
        comparisons=comparison_frame() if comparisons is None else comparisons,
    )
    return study, results


def test_whose_fault_by_family_and_population() -> None:
    landscape = landscape_frame(
        known("vgg"),
        known("vae_kmeans", estimation=SMALL, objective=LARGE),
        known("linear", estimation=SMALL, approximation=LARGE),
        real("vgg"),
    )
    headline = found_in(landscape).headline[0]
    assert headline == (
        "On xor (undistorted, n = 128) the largest part of the error is the "
        "architecture’s for linear, the objective’s for vae_kmeans and the sample’s for vgg; on "
        "digits (undistorted, n = 128) the largest part of the error, of those that are known "
        "(estimation and optimization), is the sample’s for vgg."
    )
    first, second = answers(landscape)
    assert (first.title, second.title) == (XOR, DIGITS)
    assert [line.errors for line in first.lines] == [
        ("approximation",),
        ("objective",),
        ("estimation",),
    ]
    assert first.lines[2].numbers == ("estimation 9.0 [8.0, 10.0] of 12.0 [11.0, 13.0] in total",)
    assert second.lines[0].numbers == (
        "estimation 9.0 [8.0, 10.0], beside optimization 1.0 [0.5, 1.5]",
    )


def test_what_is_all_null_is_said_to_be_unknown() -> None:
    found = found_in(landscape_frame(cell_row(num_seeds=0, bayes_risk=None, share_converged=None)))
    assert found.headline == (
        "Nothing is known yet: no cell has been measured.",
        "Families are not compared: no two of them share a cell.",
    )
    assert (found.answers, found.changes, found.rankings, found.caveats) == ((), (), (), ())
    assert found.stopping == ()
    assert found_in(landscape_frame()).headline == found.headline


def test_one_family_is_not_all_of_them() -> None:
    (answer,) = answers(landscape_frame(known("vgg")))
    assert answer.sentence.endswith("is the sample’s for vgg")
    (answer,) = answers(landscape_frame(known("vgg"), known("unet")))
    assert answer.sentence.endswith("is the sample’s for both families")


def test_depths_of_one_verdict_are_one_line() -> None:
    tied = known("vgg", depth=4, optimization=(0.085, 0.07, 0.1))
    rows = [known("vgg", depth=depth) for depth in (1, 2, 3)]
    (answer,) = answers(landscape_frame(*rows, tied))
    assert [(line.depths, line.fault) for line in answer.lines] == [
        ("depths 1–3", "the sample’s"),
        (
            "depth 4",
            "the sample’s or the optimizer’s, not told apart (largest estimate: the sample’s)",
        ),
    ]
    assert [text[:8] for text in answer.lines[0].numbers] == ["depth 1:", "depth 3:"]
    assert answer.sentence.endswith(
        "which part is the largest cannot be told at every depth for vgg"
    )
    assert "sample" not in answer.sentence


def test_a_verdict_that_changes_with_depth_is_not_given_to_the_family() -> None:
    deep = known("vgg", depth=2, estimation=SMALL, objective=LARGE)
    (answer,) = answers(landscape_frame(known("vgg"), deep))
    assert answer.sentence.endswith("which part is the largest changes with depth for vgg")
    assert [line.fault for line in answer.lines] == ["the sample’s", "the objective’s"]


def test_without_intervals_nothing_is_claimed() -> None:
    null = dict.fromkeys(("total", "approximation", "objective"), (0.09, None, None))
    null |= dict.fromkeys(("estimation", "optimization"), (0.09, None, None))
    rows = [known("vgg", **null), known("unet", **null)]
    found = found_in(landscape_frame(*rows, known("unet", severity=0.3, level=1, **null)))
    assert found.headline[0] == (
        "On xor (undistorted, n = 128) which part is the largest is not known for "
        "both families, since not all parts and intervals are."
    )
    (line, _) = found.answers[0].lines
    assert line.errors == ()
    assert line.numbers[0].startswith("approximation 9.0, objective 9.0, estimation 9.0")
    assert (
        found.changes[0]
        .sentences[0]
        .endswith("whether anything changes is not known, since intervals are not.")
    )
    (text,) = [caveat for caveat in found.caveats if "intervals are unknown" in caveat]
    assert text.startswith("In 3 of 3 cells intervals are unknown, since the rules’ decisions")


def test_an_upper_bound_says_so_and_names_what_may_be_the_searchs() -> None:
    row = known(
        "vgg", estimation=SMALL, approximation=LARGE, approximation_is_bound=True, slack=0.012
    )
    found = found_in(landscape_frame(row))
    assert found.answers[0].lines[0].numbers == (
        "approximation ≤ 9.0 [8.0, 10.0] (of which up to 1.2 may be the search’s) of 12.0 "
        "[11.0, 13.0] in total",
    )
    assert "Approximation has settled in 0 of 1 cells; in the others it is at most (≤)" in "".join(
        found.caveats
    )
    assert "1.2 to 1.2 percentage points" in "".join(found.caveats)


def test_changes_are_counted_with_their_signs() -> None:
    """Contradictory signs: one network rises, one falls, one does not change, one is unknown."""
    high = {"severity": 0.3, "level": 1}
    rows = [
        known("a", estimation=SMALL),
        known("a", **high),
        known("b"),
        known("b", **high, estimation=(-0.02, -0.03, -0.01)),
        known("c"),
        known("c", **high),
        known("d"),
        known("d", **high, estimation=(0.2, None, None)),
    ]
    (found,) = changes(landscape_frame(*rows))
    assert found.title == XOR
    assert found.sentences == (
        "label noise from 0 to 0.3 (n = 128): estimation rises for 1 of 4 networks "
        "(a 1: 1.0 [0.5, 1.5] to 9.0 [8.0, 10.0]) and falls for 1 of 4 networks (b 1: 9.0 [8.0, "
        "10.0] to -2.0 [-3.0, -1.0]); 1 of 20 changes have unknown intervals.",
    )


def test_depth_and_size_change_errors_of_the_plain_cells_alone() -> None:
    rows = [
        known("a", depth=1),
        known("a", depth=3, estimation=SMALL),
        known("a", depth=1, num_train=16, estimation=(0.3, 0.2, 0.4)),
        known("a", depth=3, num_train=16, estimation=(0.3, 0.2, 0.4)),
        known("a", depth=1, severity=0.3, level=1),
        known("a", depth=3, severity=0.3, level=1),
    ]
    (found,) = changes(landscape_frame(*rows))
    depth, damage, size = found.sentences
    assert depth.startswith("depth from 1 to 3 (undistorted, n = 128): estimation")
    assert "falls for 1 of 1 families (a: 9.0 [8.0, 10.0] to 1.0 [0.5, 1.5])" in depth
    assert "rises for 1 of 2 networks (a 3: 1.0" in damage
    assert (
        "n from 16 to 128 (undistorted): estimation falls for 2 of 2 networks (most for a 3" in size
    )


def test_one_value_of_an_axis_is_no_change() -> None:
    assert changes(landscape_frame(known("a"), known("b"))) == []


def test_stopping_at_the_budget_is_counted_by_cell_once() -> None:
    shown_twice = known("a", distortion="overlap", severity=0.0)
    helps = known("b", optimization=(-0.02, -0.03, -0.01))
    neither = known("c", optimization=(0.0, -0.01, 0.01))
    found = found_in(landscape_frame(known("a"), shown_twice, helps, neither))
    (sentence,) = found.stopping
    assert sentence.startswith(
        "Stopping at T instead of training on until settled costs in 1 and helps in 1 of 3 cells"
    )


def test_stopping_is_counted_for_each_task_apart() -> None:
    other = known("b", task="reconstruction", optimization=(-0.02, -0.03, -0.01))
    found = found_in(landscape_frame(known("a"), other))
    first, second = found.stopping
    assert "costs in 1 and helps in 0 of 1 cells" in first
    assert "costs in 0 and helps in 1 of 1 cells" in second
    assert [f"  {first}", f"  {second}"] == [
        line for line in findings_text(found).splitlines() if "stopping at T" in line
    ]


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


class TestCaveats:
    """What a reader must know first."""

    def test_a_real_population_has_no_floor(self) -> None:
        (text, *_) = caveats(*_parts(landscape_frame(real("vgg"))))
        assert text.startswith("No Bayes risk is known for digits: total, approximation and")

    def test_one_restart_is_why_estimation_has_no_interval(self) -> None:
        bare = {"estimation": (0.09, None, None), "limit_restarts": 1, "num_seeds": 5}
        study, results = _parts(landscape_frame(real("a", **bare), real("b", **bare), real("c")))
        kept = replace(study, decisions=Decisions(Path("none")))
        (text,) = [line for line in caveats(kept, results) if "intervals are unknown" in line]
        assert text == (
            "In 2 of 3 cells intervals are unknown, since U_A is of a single restart "
            "(limit.restarts = 1): estimation."
        )

    def test_cells_with_several_reasons_have_them_told_apart(self) -> None:
        bare = {"estimation": (0.09, None, None), "num_seeds": 5}
        one, two = real("a", **bare, limit_restarts=1), real("b", **bare, limit_restarts=2)
        study, results = _parts(landscape_frame(one, two))
        kept = replace(study, decisions=Decisions(Path("none")))
        (text,) = [line for line in caveats(kept, results) if "intervals are unknown" in line]
        assert "in 1, since U_A is of a single restart" in text
        assert "in 1, since decisions of some of their trials are missing or unusable." in text

    def test_the_first_failure_is_told_and_one_is_one(self) -> None:
        failed = make_record("measure", status="failed", error="ValueError: no batch\n  at step 12")
        found = found_in(landscape_frame(), records=[failed])
        assert found.headline[0] == (
            "Nothing is known: the only trial failed. The first: ValueError: no batch"
        )
        text = "".join(caveats(*_parts(landscape_frame(known("a")), records=[failed])))
        assert "1 trial failed: see “Failed”. The first: ValueError: no batch" in text

    def test_what_has_settled_is_counted(self) -> None:
        landscape = landscape_frame(known("a"), known("b", share_converged=0.8))
        text = "".join(caveats(*_parts(landscape)))
        assert "In 1 of 2 cells every seed had settled; in the others (marked ~)" in text
        (answer,) = answers(landscape)
        assert answer.lines[1].numbers[0].startswith("estimation ~9.0 [8.0, 10.0]")

    @pytest.mark.parametrize(("repeats", "is_said"), [(0, False), (1, True), (2, False)])
    def test_one_search_is_said(self, repeats: int, is_said: bool) -> None:
        records = [
            make_record("search", seed=encode_search_seed(repeat, number), schema=2)
            for repeat in range(repeats)
            for number in range(3)
        ]
        text = "".join(caveats(*_parts(landscape_frame(known("a")), records=records)))
        assert ("search.repeats = 1" in text) == is_said

    def test_what_exceeds_its_budget_is_said(self) -> None:
        """Ten per cent are a matched network's; a width that was asked for is no surprise."""

        def trial(family: str, depth: int, num: int | None, **hyperparameters: Any) -> Any:
            cell = {"family": family, "depth": depth, "hyperparameters": hyperparameters}
            return make_record("measure", num_parameters=num, **cell)

        held = [trial("vgg", 1, 8_800), trial("forest", 1, None), trial("unet", 2, 99_999, width=9)]
        above = [
            trial("linear", 1, 8_801),
            trial("linear_autoencoder", 2, 66_144, latent_dim=38),
            trial("linear_autoencoder", 2, 20_000, latent_dim=10),
        ]
        landscape = landscape_frame(known("a"))
        assert "budget" not in "".join(caveats(*_parts(landscape, records=held)))
        text = "".join(caveats(*_parts(landscape, records=[*held, *above])))
        assert (
            "budget: linear at depth 1: 8,801 for 8,000; linear_autoencoder at depth 2, k = 38: "
            "66,144 for 16,000 and 1 more. What sets"
        ) in text

    def test_the_budget_is_the_same_on_both_sides_of_the_wall(self) -> None:
        assert BUDGET_TOLERANCE == widths.BUDGET_TOLERANCE
        assert widths.parameter_budget(4) == BUDGET_AT_DEPTH_1 * 2**3


def test_the_text_wraps_and_keeps_every_word() -> None:
    found = found_in(landscape_frame(known("vgg"), real("unet")))
    text = findings_text(found)
    for width in (40, 80, 140):
        wrapped = wrap_findings(text, width)
        assert max(map(len, wrapped.splitlines())) <= width
        assert wrapped.split() == text.split()


def test_faults_that_were_put_in_are_found(tmp_path: Path) -> None:
    """Faults put into a whole study, decisions and all, are the faults that are found."""
    asked = Asked(depths=(1,), populations=(XOR,), num_train=(128,), seeds=4)
    study = read_study(write_study(tmp_path / "study", asked))
    results = build_results(study.trials, study.levels, study.decisions)
    found = find(study, results)
    assert {line.family: line.fault for line in found.answers[0].lines} == {
        "linear": "the architecture’s",
        "vae_kmeans": "the objective’s",
        "vgg": "the sample’s",
    }
    assert any(
        "label noise from 0 to 0.3 (n = 128): total rises" in text
        for text in found.changes[0].sentences
    )
    assert "unknown" not in "".join(found.caveats)


def test_the_axis_that_verdicts_differ_along_is_named() -> None:
    tied = {"optimization": (0.085, 0.075, 0.095)}
    dims = [known("vgg", latent_dim=2), known("vgg", latent_dim=4, **tied)]
    depths = [known("vgg", depth=1), known("vgg", depth=2, **tied)]
    for rows, axis in (
        (dims, "latent dimension"),
        (depths, "depth"),
        ([*dims, *(row | {"depth": 7} for row in dims)], "depth and latent dimension"),
    ):
        assert (
            found_in(landscape_frame(*rows))
            .headline[0]
            .endswith(f"which part is the largest cannot be told at every {axis} for vgg.")
        )


@pytest.mark.parametrize(
    ("optimization", "is_named"),
    [
        ((0.0, -0.9, 0.9), False),
        ((0.02, -0.01, 0.05), False),
        ((-0.02, None, None), False),
        ((0.02, 0.01, 0.03), True),
        ((0.02, None, None), True),
    ],
)
def test_the_largest_of_what_is_known_is_named_above_zero_only(
    optimization: tuple[float, float | None, float | None], is_named: bool
) -> None:
    (answer,) = answers(landscape_frame(cell_row("gan", total=TOTAL, optimization=optimization)))
    fault = "not known, since approximation, objective and estimation are not"
    named = f"{fault} (largest known estimate: the optimizer’s)"
    assert answer.lines[0].fault == (named if is_named else fault)


def test_a_part_that_could_be_known_and_is_not_leaves_it_open() -> None:
    """A table from before there was U_A: the largest of what is known may not be the largest."""
    old = cell_row("vgg", total=TOTAL, approximation=LARGE, optimization=SMALL)
    found = found_in(landscape_frame(old))
    (line,) = found.answers[0].lines
    assert line.errors == ()
    assert line.fault == (
        "not known, since objective and estimation are not (largest known estimate: the "
        "architecture’s)"
    )
    assert "the architecture’s" not in found.headline[0]


def test_populations_that_differ_in_their_parameters_keep_them() -> None:
    rows = [known("vgg"), known("vgg", population="xor(sigma=1)"), real("vgg")]
    assert [
        answer.sentence.split(" (undistorted")[0] for answer in answers(landscape_frame(*rows))
    ] == [
        "on xor(sigma=0.5)",
        "on xor(sigma=1)",
        "on digits",
    ]
