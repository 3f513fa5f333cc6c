"""`study.open`: a study's tables, comparisons and figures in Python."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest

import study
from study.analysis.columns import ERRORS
from study.opened import Plots, StudyResults

QUICKSTART = Path(__file__).parents[1] / "ray_results/reference/quickstart"


@pytest.fixture(scope="module")
def quickstart() -> StudyResults:
    return study.open(QUICKSTART)


def test_its_tables_are_those_that_the_report_wrote(quickstart: StudyResults) -> None:
    written = pd.read_csv(QUICKSTART / "landscape.csv")
    for error in ERRORS:
        found = quickstart.landscape[error].to_numpy(dtype=float, na_value=np.nan)
        np.testing.assert_allclose(found, written[error], rtol=1e-6)
    assert {"trials", "curves", "landscape", "comparisons"} <= quickstart.tables.keys()
    assert all(len(table) for table in quickstart.tables.values())
    assert quickstart.findings.splitlines()[0] in (QUICKSTART / "findings.txt").read_text()
    assert repr(quickstart) == f"<study {quickstart.name}: 312 trials>"


def test_a_table_alone_is_opened(quickstart: StudyResults) -> None:
    alone = study.open(str(QUICKSTART / "trials.parquet"))
    assert alone.curves is None
    assert "curves" not in alone.tables
    assert alone.landscape["total"].tolist() == quickstart.landscape["total"].tolist()


def test_families_are_compared_whichever_is_named_first(quickstart: StudyResults) -> None:
    """The difference against the means of the trials' own risks, over the population's cells."""
    straight = quickstart.compare("vgg", "linear")
    turned = quickstart.compare("linear", "vgg")
    assert straight["difference"].tolist() == [-d for d in turned["difference"]]
    assert straight["difference_lo"].tolist() == [-d for d in turned["difference_hi"]]
    assert set(straight["first"]) == {"vgg"}
    row = straight.query("scope == 'cell' and population == 'digits'").iloc[0]
    cell = ["depth", "population", "distortion", "severity", "num_train"]
    trials = quickstart.trials.query("role == 'measure'").set_index(cell)
    risks = trials.loc[tuple(row[cell])].pivot_table(index="seed", columns="family", values="risk")
    paired = (risks["vgg"] - risks["linear"]).dropna()
    assert len(paired) == row["num_pairs"]
    assert row["difference"] == pytest.approx(paired.mean())
    better = (paired < 0).mean() + (paired == 0).mean() / 2
    assert row["probability_first_better"] == pytest.approx(better)


def test_families_are_compared_by_a_term(quickstart: StudyResults) -> None:
    """The difference of the trials' own risks at T and at convergence, and one of the landscape."""
    straight = quickstart.compare("vgg", "linear", error="optimization")
    turned = quickstart.compare("linear", "vgg", error="optimization")
    assert straight["difference_lo"].tolist() == [-d for d in turned["difference_hi"]]
    assert set(straight["error"]) == {"optimization"}
    row = straight.query("scope == 'cell' and population == 'digits'").iloc[0]
    cell = ["depth", "population", "distortion", "severity", "num_train"]
    trials = quickstart.trials.query("role == 'measure'").set_index(cell).loc[tuple(row[cell])]
    more = trials.assign(more=trials["risk"] - trials["converged_risk"])
    paired = more.pivot_table(index="seed", columns="family", values="more")
    assert row["difference"] == pytest.approx((paired["vgg"] - paired["linear"]).mean())
    approximation = quickstart.compare("vgg", "linear", error="approximation")
    (row,) = (row for _, row in approximation.query("scope == 'cell'").iterrows())
    law = quickstart.landscape.query("population.str.startswith('xor') and severity == 0")
    values = law.groupby("family")["approximation"].first()
    assert row["difference"] == pytest.approx(values["vgg"] - values["linear"])
    assert row["is_bound"]  # linear's, the larger, has not settled
    assert pd.isna(row["significant"])


def test_what_cannot_be_compared_is_told(quickstart: StudyResults) -> None:
    with pytest.raises(ValueError, match="error 'total': allowed are risk, approximation, "):
        quickstart.compare("vgg", "linear", error="total")
    digits = StudyResults(quickstart.study)
    held = quickstart.term_comparisons.query("population == 'digits'")
    digits.__dict__["results"] = replace(quickstart.results, term_comparisons=held)
    with pytest.raises(ValueError, match="vgg and linear have a known objective in no cell"):
        digits.compare("vgg", "linear", error="objective")


@pytest.mark.parametrize(("first", "second"), [("vgg", "lenet"), ("lenet", "vgg")])
def test_a_family_that_is_not_there_is_told(
    quickstart: StudyResults, first: str, second: str
) -> None:
    with pytest.raises(ValueError, match="family 'lenet': allowed are linear, "):
        quickstart.compare(first, second)


def test_tables_answer_sql(quickstart: StudyResults) -> None:
    found = quickstart.query(
        "select family, avg(risk) as risk from trials where role = 'measure' group by 1 order by 1"
    )
    expected = quickstart.trials.query("role == 'measure'").groupby("family")["risk"].mean()
    assert found["family"].tolist() == expected.index.tolist()
    assert found["risk"].tolist() == pytest.approx(expected.tolist())
    assert quickstart.query("select count(*) as num from landscape")["num"].item() == len(
        quickstart.landscape
    )


def test_a_difference_of_studies_is_by_cell_and_error(
    quickstart: StudyResults,
) -> None:
    same = quickstart.diff(quickstart)
    assert same["difference"].eq(0.0).all()
    assert not same["apart"].any()
    assert len(same) == quickstart.landscape[list(ERRORS)].notna().sum().sum()
    other, moved = StudyResults(quickstart.study), quickstart.landscape.copy()
    is_vgg = (moved["family"] == "vgg").to_numpy()
    for column in ("total", "total_lo", "total_hi"):
        moved.loc[is_vgg, column] += 0.25
    other.__dict__["results"] = replace(
        quickstart.results, landscape=moved
    )  # as if it had found it
    found = other.diff(quickstart).query("error == 'total'")
    known = quickstart.landscape["total"].notna()
    assert len(found) == known.sum()
    assert found["difference"].tolist() == pytest.approx(
        [0.25 if vgg else 0.0 for vgg in is_vgg[known]]
    )
    assert found["apart"].tolist() == is_vgg[known].tolist()


@pytest.mark.parametrize("kind", [name for name in vars(Plots) if not name.startswith("_")])
def test_figures_are_matplotlibs(quickstart: StudyResults, kind: str) -> None:
    figures = getattr(quickstart.plot, kind)()
    assert all(isinstance(figure, matplotlib.figure.Figure) for figure in figures)
    assert bool(figures) == (kind in {"landscape", "errors", "faults", "damage", "curves", "speed"})


def test_importing_study_loads_nothing() -> None:
    code = "import sys, study; assert 'pandas' not in sys.modules; study.open"
    subprocess.run([sys.executable, "-c", code], check=True)
