"""Two studies as one: parts of a study, joined, are the study."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import study
from study.analysis.decisions import Decisions
from study.analysis.files import Stopping
from study.analysis.frames import TableError
from study.analysis.joining import join_studies
from study.analysis.reading import Study
from study.opened import StudyResults

WHOLE = Path(__file__).parents[2] / "ray_results/reference/gaussian-small"
KEYS = ["family", "depth", "population", "distortion", "severity", "num_train"]


@pytest.fixture(scope="module")
def whole() -> Study:
    return study.open(WHOLE).study


def part(whole: Study, keeps: pd.Series, folder: Path, **changes: object) -> Study:
    """Some of a study's trials in a folder of their own, with the decisions of these alone."""
    trials = whole.trials[keeps.to_numpy(dtype=bool)].reset_index(drop=True)
    (folder / "decisions").mkdir(parents=True)
    for path in (WHOLE / "decisions").iterdir():
        if path.stem in set(trials["trial_id"]) or path.stem.startswith("law-"):
            shutil.copy(path, folder / "decisions")
    curves = whole.curves
    if curves is not None:
        curves = curves[curves["trial_id"].isin(trials["trial_id"])].reset_index(drop=True)
    held = {"trials": trials, "curves": curves, "folder": folder, "families": ()}
    return replace(whole, decisions=Decisions(folder), **{**held, **changes})


def assert_same_numbers(found: pd.DataFrame, expected: pd.DataFrame, keys: list[str]) -> None:
    names = [n for n in expected.columns if expected[n].dtype == "Float64" and n not in keys]
    assert len(found) == len(expected) > 0
    left, right = (frame.sort_values(keys).reset_index(drop=True) for frame in (found, expected))
    for name in names:
        np.testing.assert_allclose(
            left[name].to_numpy(float, na_value=np.nan),
            right[name].to_numpy(float, na_value=np.nan),
            rtol=1e-9,
            atol=1e-12,
            err_msg=name,
        )


@pytest.mark.parametrize("by", ["family", "seed", "severity"])
def test_parts_of_a_study_are_the_study(by: str, whole: Study, tmp_path: Path) -> None:
    """Intervals too: the decisions of either folder are read."""
    trials = whole.trials
    is_first = {
        "family": trials["family"].isin(["linear", "vgg", "vae_svm"]),
        "seed": (trials["role"] != "measure") | (trials["seed"] < 2),
        "severity": trials["severity"] == 0,
    }[by]
    first, second = (
        part(whole, keeps, tmp_path / name) for name, keeps in (("a", is_first), ("b", ~is_first))
    )
    joined = StudyResults(first).join(StudyResults(second))
    assert len(joined.trials) == len(trials)
    found, expected = joined.results, StudyResults(whole).results
    assert found.landscape["total_lo"].notna().any()
    assert_same_numbers(found.landscape, expected.landscape, KEYS)
    pairs = ["first", "second", "scope", *KEYS[1:]]
    if by != "family":  # who is named first of two is the order of the tables
        assert_same_numbers(found.comparisons, expected.comparisons, pairs)


def test_learning_curves_are_of_the_trials_that_are_there() -> None:
    held = study.open(WHOLE.parent / "quickstart").study
    is_linear = held.trials["family"] == "linear"
    parts = [replace(held, trials=held.trials[is_linear])]
    parts.append(replace(held, trials=held.trials[~is_linear]))
    joined = join_studies(*parts)  # each has the curves of both
    assert held.curves is not None
    assert joined.curves is not None
    assert len(joined.curves) == len(held.curves)
    assert set(joined.curves["trial_id"]) == set(held.curves["trial_id"])
    alone = join_studies(replace(parts[0], curves=None), parts[1]).curves
    assert alone is not None
    assert len(alone) == len(held.curves)


def test_what_both_have_is_there_once(whole: Study) -> None:
    joined = join_studies(whole, whole)
    pd.testing.assert_frame_equal(joined.trials, whole.trials)
    assert joined.levels == whole.levels
    assert joined.decisions is not None
    assert joined.decisions.folders == (WHOLE,)


def test_levels_are_merged_by_value(whole: Study, tmp_path: Path) -> None:
    """The second study's first severity is the first one's second."""
    trials = whole.trials
    first = part(whole, trials["severity"] == 0, tmp_path / "a", levels={"label_noise": [0.0]})
    is_damaged = trials["distortion"] == "label_noise"
    second = part(
        whole,
        is_damaged,
        tmp_path / "b",
        levels={"label_noise": [0.2], "overlap": [0.5]},
    )
    second = replace(second, trials=second.trials.assign(level=pd.array([0] * is_damaged.sum())))
    joined = join_studies(first, second)
    assert joined.levels == {"label_noise": [0.0, 0.2], "overlap": [0.5]}
    levels = joined.trials.groupby("severity")["level"].unique()
    assert levels.loc[0.0].tolist() == [0]
    assert levels.loc[0.2].tolist() == [1]


def test_a_column_that_one_lacks_is_null(whole: Study, tmp_path: Path) -> None:
    is_linear = whole.trials["family"] == "linear"
    first = part(whole, is_linear, tmp_path / "a")
    first = replace(first, trials=first.trials.drop(columns="hp_dropout", errors="ignore"))
    second = part(whole, ~is_linear, tmp_path / "b")
    more = second.trials.assign(hp_new=pd.array([0.5] * len(second.trials), dtype="Float64"))
    joined = join_studies(first, replace(second, trials=more))
    held = joined.trials.set_index("family")["hp_new"]
    assert held.loc["linear"].isna().all()
    assert (held.drop("linear") == 0.5).all()
    assert held.dtype == "Float64"


def refused(first: Study, second: Study) -> str:
    with pytest.raises(TableError) as error:
        join_studies(first, second)
    (line,) = str(error.value).splitlines()
    assert line.startswith("gaussian-small and gaussian-small cannot be joined: ")
    return line.removeprefix("gaussian-small and gaussian-small cannot be joined: ")


def changed(whole: Study, **columns: object) -> Study:
    return replace(whole, trials=whole.trials.assign(**columns))


def test_what_cannot_be_one_study_is_told(whole: Study) -> None:
    trials = whole.trials
    tasks = trials["task"].mask(trials["family"] == "vgg", "generation")
    told = refused(whole, changed(whole, task=tasks))
    assert told == "vgg is for classification in the one and for generation in the other"
    old = trials["role"].mask(trials.index == 0, "resubstitution")
    assert refused(whole, changed(whole, role=old)) == "gaussian-small is of the first protocol"
    rule = Stopping(precision=0.01, first_seeds=5, max_seeds=9)
    told = refused(whole, replace(whole, stopping=rule))
    assert told.endswith("different rules: a fixed number and 5 to 9 for precision 0.01")
    told = refused(whole, changed(whole, budget_steps=trials["budget_steps"] + 1))
    assert told.endswith(": budget_steps is 100 and 101")
    others = trials["trial_id"].str.replace(".", "f", n=1, regex=True)
    assert "seed 0 was measured with other hyperparameters" in refused(
        whole, changed(whole, trial_id=others)
    )


def test_joined_studies_are_drawn_and_compared(whole: Study, tmp_path: Path) -> None:
    is_first = whole.trials["family"].isin(["linear", "resnet"])
    first, second = (
        StudyResults(part(whole, keeps, tmp_path / name))
        for name, keeps in (("a", is_first), ("b", ~is_first))
    )
    joined = first.join(second)
    assert set(joined.compare("vgg", "linear")["first"]) == {"vgg"}  # they meet in no part
    assert joined.plot.landscape()
    assert joined.findings
    assert joined.diff(first)["difference"].eq(0.0).all()
