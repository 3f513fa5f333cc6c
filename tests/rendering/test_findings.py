"""The sentences of the first screen: each is of a table, and none says more than it."""

from pathlib import Path

import pytest

from study.analysis.reading import read_study
from study.analysis.results import build_results
from study.rendering.answers import answers
from study.rendering.changes import changes
from study.rendering.findings import find, findings_text
from study.rendering.terminal import wrap_findings
from tests.rendering.conftest import (
    cell_row,
    landscape_frame,
)
from tests.rendering.found import DIGITS, LARGE, SMALL, TOTAL, found_in, known, real
from tests.rendering.synthetic_study import XOR, Asked, write_study


def test_whose_fault_by_family_and_population() -> None:
    landscape = landscape_frame(
        known("vgg"),
        known("vae_kmeans", estimation=SMALL, objective=LARGE),
        known("linear", estimation=SMALL, approximation=LARGE),
        real("vgg"),
    )
    assert found_in(landscape).headline[:2] == (
        "On xor (undistorted, n = 128; percentage points [95% interval]) the largest part of the "
        "error is the architecture’s for linear (9.0 [8.0, 10.0] of 12.0 [11.0, 13.0] in total), "
        "the objective’s for vae_kmeans (9.0 [8.0, 10.0] of 12.0 [11.0, 13.0] in total) and the "
        "sample’s for vgg (9.0 [8.0, 10.0] of 12.0 [11.0, 13.0] in total).",
        "On digits (undistorted, n = 128; percentage points [95% interval]) the largest part of "
        "the error, of those that are known (estimation and optimization), is the sample’s for vgg "
        "(9.0 [8.0, 10.0]).",
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
    assert first.most == (
        ("approximation", "linear 1: 9.0 [8.0, 10.0]"),
        ("objective", "vae_kmeans 1: 9.0 [8.0, 10.0]"),
        ("estimation", "vgg 1: 9.0 [8.0, 10.0]"),
        ("optimization", "vgg 1: 1.0 [0.5, 1.5]"),
    )


def test_a_part_that_is_more_than_its_total_stands_beside_what_is_below_zero() -> None:
    """9 of estimation and -4 of optimization are a total of 6; and a sign is seen in its digits."""
    row = known("vgg", total=(0.06, 0.05, 0.07), optimization=(-0.04, -0.05, -0.0002))
    (answer,) = answers(landscape_frame(row))
    shown = "9.0 [8.0, 10.0] beside optimization -4.00 [-5.00, -0.02]: 6.0 [5.0, 7.0] in total"
    assert answer.lines[0].numbers == (f"estimation {shown}",)
    assert answer.sentence.endswith(f"for vgg ({shown})")


def test_what_a_bound_may_fall_by_makes_no_estimate_the_largest() -> None:
    more = {"approximation": (0.1, 0.09, 0.11), "objective": LARGE, "estimation": SMALL}
    faults = [
        answers(landscape_frame(known("linear", **more, approximation_is_bound=bound)))[0]
        for bound in (True, False)
    ]
    assert [answer.lines[0].fault for answer in faults] == [
        "the architecture’s or the objective’s, not told apart",
        "the architecture’s by estimate, the objective’s not ruled out",
    ]


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
    assert "is the sample’s for vgg (9.0 [8.0, 10.0] of" in answer.sentence
    (answer,) = answers(landscape_frame(known("vgg"), known("unet")))
    assert "is the sample’s for both families (most for " in answer.sentence


def test_the_headline_tells_the_network_with_the_most() -> None:
    """Of one error the largest; where none is told, the largest total; of real data, what is."""
    more = {"estimation": (0.2, 0.19, 0.21), "total": (0.23, 0.22, 0.24)}
    rows = [known("vgg"), known("vgg", depth=2, **more), known("unet")]
    (answer,) = answers(landscape_frame(*rows))
    assert (
        "for both families (most for vgg 2: 20.0 [19.0, 21.0] of 23.0 [22.0, 24.0] in total)"
        in (answer.sentence)
    )
    tied = {"optimization": (0.085, 0.07, 0.1)}
    (answer,) = answers(landscape_frame(known("vgg", **tied), known("unet", **tied, **more)))
    assert answer.sentence.endswith("cannot be told for vgg (12.0 [11.0, 13.0] in total)")
    (answer,) = answers(landscape_frame(real("vgg", **tied), real("unet", **tied)))
    assert answer.sentence.endswith("both families (most for unet 1: estimation 9.0 [8.0, 10.0])")


def test_a_bound_is_one_in_the_headline() -> None:
    row = known("vgg", estimation=SMALL, approximation=LARGE, approximation_is_bound=True, slack=0)
    (answer,) = answers(landscape_frame(row))
    assert "the architecture’s for vgg (≤ 9.0 [8.0, 10.0] of 12.0" in answer.sentence


def test_depths_of_one_verdict_are_one_line() -> None:
    tied = known("vgg", depth=4, optimization=(0.085, 0.07, 0.1))
    rows = [known("vgg", depth=depth) for depth in (1, 2, 3)]
    (answer,) = answers(landscape_frame(*rows, tied))
    assert [(line.depths, line.fault) for line in answer.lines] == [
        ("depths 1–3", "the sample’s"),
        (
            "depth 4",
            "the sample’s by estimate, the optimizer’s not ruled out",
        ),
    ]
    assert [text[:8] for text in answer.lines[0].numbers] == ["depth 1:", "depth 3:"]
    assert answer.sentence.endswith(
        "which part is the largest can be told for some values of depth only for vgg "
        "(most for vgg 1: 12.0 [11.0, 13.0] in total)"
    )
    assert "sample" not in answer.sentence


def test_what_is_told_at_no_depth_is_not_said_to_be_at_some() -> None:
    tied = known("vgg", optimization=(0.085, 0.07, 0.1))
    nothing = dict.fromkeys(("approximation", "objective", "estimation"), (0.01, -0.01, 0.02))
    none = known("vgg", depth=2, optimization=(0.01, -0.01, 0.02), **nothing)
    (answer,) = answers(landscape_frame(tied, none))
    assert "which part is the largest cannot be told for vgg" in answer.sentence


def test_a_verdict_that_changes_with_depth_is_not_given_to_the_family() -> None:
    deep = known("vgg", depth=2, estimation=SMALL, objective=LARGE)
    (answer,) = answers(landscape_frame(known("vgg"), deep))
    assert "which part is the largest changes with depth for vgg (most for " in answer.sentence
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
    assert "Approximation has settled in none of 1 cells; it is at most (≤)" in "".join(
        found.caveats
    )
    assert "1.20 to 1.20 percentage points" in "".join(found.caveats)


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


def test_damage_at_one_sample_size_is_told_of_that_one() -> None:
    rows = [
        known("a", num_train=256),
        known("a", num_train=64, estimation=SMALL),
        known("a", num_train=64, severity=0.3, level=1),
    ]
    (found,) = changes(landscape_frame(*rows))
    assert found.sentences[0].startswith(
        "label noise from 0 to 0.3 (n = 64): estimation rises for 1 of 1 networks (a 1: 1.0 "
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
    assert "It costs most for a 1 on xor" in sentence
    assert "; it helps most for b 1 on xor" in sentence
    assert sentence.endswith("(undistorted, n = 128): -2.0 [-3.0, -1.0].")


def test_stopping_is_counted_for_each_task_apart() -> None:
    other = known("b", task="reconstruction", optimization=(-0.02, -0.03, -0.01))
    found = found_in(landscape_frame(known("a"), other))
    first, second = found.stopping
    assert "costs in 1 and helps in 0 of 1 cells" in first
    assert "costs in 0 and helps in 1 of 1 cells" in second
    assert [first, second] == [
        line for line in findings_text(found).splitlines() if "stopping at T" in line
    ]


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
        headline = found_in(landscape_frame(*rows)).headline[0]
        assert f"can be told for some values of {axis} only for vgg (" in headline


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
