"""Learning curves: exact where the data are, covering where they are noisy."""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from study.analysis.frames import to_rows
from study.analysis.joined import join
from study.analysis.landscape import build_landscape
from study.analysis.learning_curves import build_learning_curves, fit_power_law
from study.analysis.table import build_trials
from study.rendering.sizes import draw_size_grid, size_grids
from study.rendering.style import write_figure

Make = Callable[..., dict[str, Any]]
SIZES = (64, 128, 256, 512)


def study(
    make: Make,
    rng: np.random.Generator,
    *,
    c: float = 0.2,
    a: float = 2.0,
    b: float = 0.7,
    spread: float = 0.3,
    num_seeds: int = 5,
    best: float | None = 0.2,
    **named: Any,
) -> list[dict[str, Any]]:
    records = []
    for n in SIZES:
        for seed in range(num_seeds):
            gain = a * n**-b * (1 + spread * rng.standard_normal())
            risks = {"risk": c + gain, "converged_risk": c + gain}
            excess = {name.replace("risk", "excess_risk"): v - 0.1 for name, v in risks.items()}
            records.append(make(num_train=n, seed=seed, **risks, **excess, **named))
    if best is not None:
        upper = {"risk": best, "excess_risk": best - 0.1, "validation_risk": best}
        records.append(make("best_in_class", num_train=20_000, **upper, **named))
    return records


@pytest.mark.parametrize(("c", "a", "b"), [(0.2, 3.0, 1.0), (0.0, 0.5, 0.3), (0.4, -1.0, 2.0)])
def test_exact_curves_are_found_exactly(c: float, a: float, b: float) -> None:
    sizes = np.array([50.0, 100.0, 400.0, 1600.0])
    means = (c + a * sizes**-b)[None]
    weights = np.array([1.0, 0.5, 0.7, 2.0])
    fit = fit_power_law(sizes, means, weights)
    reference = np.exp(np.log(sizes).mean())
    assert fit.b[0] == pytest.approx(b, rel=1e-4)
    assert fit.c[0] == pytest.approx(c, abs=1e-4)
    assert fit.a[0] * reference**b == pytest.approx(a, rel=1e-2)
    anchored = fit_power_law(sizes, means, weights, asymptote=np.array([c]))
    assert anchored.b[0] == pytest.approx(b, rel=1e-4)


def test_weights_count() -> None:
    """A point of weight zero bends nothing."""
    sizes = np.array([50.0, 100.0, 200.0, 400.0])
    means = 0.1 + 2 / sizes
    bent = means.copy()
    bent[1] += 0.05
    fit = fit_power_law(sizes, bent[None], np.array([1.0, 1e-12, 1.0, 1.0]))
    assert fit.b[0] == pytest.approx(1.0, abs=1e-3)
    plain = fit_power_law(sizes, bent[None], np.ones(4))
    assert abs(plain.b[0] - 1.0) > 0.05


def test_the_table_of_a_study(make: Make) -> None:
    records = study(make, np.random.default_rng(1), spread=0.02, num_seeds=8)
    levels = {"label_noise": [0.0], "imbalance": [0.8, 0.5]}
    rows = to_rows(build_learning_curves(join(build_trials(records, levels)), levels))
    assert [(row["distortion"], row["level"]) for row in rows] == [
        ("label_noise", 0),
        ("imbalance", 1),
    ]
    row = rows[0]
    assert (row["num_sizes"], row["num_seeds"], row["best_in_class_risk"]) == (4, 8, 0.2)
    for name, truth in (("b", 0.7), ("c", 0.2), ("a", 2.0), ("c_minus_best", 0.0), ("rate", 0.7)):
        assert row[f"{name}_lo"] <= truth <= row[f"{name}_hi"]
        assert row[f"{name}_lo"] <= row[name] <= row[f"{name}_hi"]
    assert row["b_hi"] - row["b_lo"] < 0.3
    assert row["agrees"]


def test_a_best_in_class_that_is_no_asymptote_is_told(make: Make) -> None:
    records = study(make, np.random.default_rng(2), spread=0.02, num_seeds=8, best=0.15)
    (row,) = to_rows(build_learning_curves(join(build_trials(records, {})), {}))
    assert row["c_minus_best"] == pytest.approx(0.05, abs=0.01)
    assert not row["agrees"]


def test_what_cannot_be_known_is_null(make: Make) -> None:
    rng = np.random.default_rng(3)
    (row,) = to_rows(build_learning_curves(join(build_trials(study(make, rng, best=None), {})), {}))
    assert row["b_lo"] is not None
    for name in ("best_in_class_risk", "c_minus_best", "agrees", "rate", "rate_lo"):
        assert row[name] is None
    single = study(make, rng, num_seeds=1)
    (row,) = to_rows(build_learning_curves(join(build_trials(single, {})), {}))
    assert row["b"] is not None
    assert row["b_lo"] is None
    assert row["agrees"] is None
    two = [record for record in study(make, rng) if record["num_train"] not in SIZES[:2]]
    assert build_learning_curves(join(build_trials(two, {})), {}).empty
    assert build_learning_curves(join(build_trials([], {})), {}).empty


def test_only_seeds_that_every_size_has(make: Make) -> None:
    records = study(make, np.random.default_rng(4), num_seeds=6)
    gone = [r for r in records if (r["num_train"], r["seed"]) != (128, 5)]
    (row,) = to_rows(build_learning_curves(join(build_trials(gone, {})), {}))
    assert row["num_seeds"] == 5


@pytest.mark.slow
def test_coverage_of_the_rate(make: Make) -> None:
    """150 curves of 10 seeds: b, c and the rate given U cover between 89% and 99%.

    At a true 95% a share below 89% has probability .002. Taking plain percentiles (90% here) fails
    about half of the time.
    """
    rng = np.random.default_rng(20260403)
    records: list[dict[str, Any]] = []
    for depth in range(150):
        records += study(make, rng, num_seeds=10, depth=depth)
    rows = to_rows(build_learning_curves(join(build_trials(records, {})), {}))
    assert len(rows) == 150
    for name, truth in (("b", 0.7), ("c", 0.2), ("rate", 0.7)):
        share = np.mean([row[f"{name}_lo"] <= truth <= row[f"{name}_hi"] for row in rows])
        assert 0.89 <= share <= 0.99, (name, share)


def test_the_figure_holds_the_numbers(make: Make, tmp_path: Any) -> None:
    rng = np.random.default_rng(5)
    records = [r for depth in (1, 2) for r in study(make, rng, depth=depth)]
    joined = join(build_trials(records, {}))
    landscape = build_landscape(joined, {})
    fits = build_learning_curves(joined, {})
    (info,) = size_grids(landscape, fits)
    assert (info.column_labels, info.row_labels) == (("depth 1", "depth 2"), ("severity 0",))
    ((panel, _),) = info.panels
    (line,) = panel
    shown = [row for row in to_rows(landscape) if row["depth"] == 1]
    assert line.num_train == SIZES
    assert line.risk == pytest.approx([100 * row["converged_risk"] for row in shown])
    assert line.best == pytest.approx(20.0)
    path = write_figure(draw_size_grid(info), tmp_path / "sizes.svg")
    assert ElementTree.parse(path).getroot().tag.endswith("svg")
