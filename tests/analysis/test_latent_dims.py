"""Curves over the latent dimension: what their tables say, from terms that were drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from study.analysis.comparisons import build_comparisons
from study.analysis.completeness import study_grid
from study.analysis.frames import Row, to_rows
from study.analysis.joined import Joined
from study.analysis.landscape import build_landscape
from study.analysis.latent_dims import build_latent_dims
from study.analysis.results import build_results, write_results
from study.analysis.table import build_trials
from tests.analysis.conftest import make_record
from tests.analysis.decided import Array, Written
from tests.analysis.test_other_risks import by_hand, half, interaction, spread

EXAMPLES = 300
RISKS = {2: 8.0, 5: 3.0, 10: 2.5, 20: 2.4}
DIVIDED = {"is_resplit": True, "num_available": 1198, "num_test": 599}


def drawn(seeds: int = 4, seed: int = 3) -> dict[int, Array]:
    """Terms (k, N) by latent dimension; examples and seeds are the same at each."""
    rng = np.random.default_rng(seed)
    example, own = rng.gamma(3.0, 0.3, EXAMPLES), rng.standard_normal((seeds, 1))
    return {
        k: (risk + 0.05 * own) * (0.8 + 0.2 * example)
        + 0.02 * risk * rng.standard_normal((seeds, 1))
        + 0.05 * rng.random((seeds, EXAMPLES))
        for k, risk in RISKS.items()
    }


def written(folder: Path, terms: dict[int, Array], **named: Any) -> Written:
    study = Written(folder, np.full((EXAMPLES, 2), 0.5), 0.0)
    for k, held in terms.items():
        for seed, own in enumerate(held):
            known = {"family": "ae", "latent_dim": k, "seed": seed, **named}
            study.add_terms(terms={"budget": own}, **known)
    return study


def tables(joined: Joined) -> tuple[list[Row], list[Row]]:
    points, knees = build_latent_dims(joined, {})
    return to_rows(points), to_rows(knees)


def test_points_are_means_with_intervals_over_seeds_and_examples(tmp_path: Path) -> None:
    terms = drawn()
    points, _ = tables(written(tmp_path, terms).joined())
    assert [row["latent_dim"] for row in points] == list(RISKS)
    for row, held in zip(points, terms.values(), strict=True):
        a = half(held)
        examples = spread(a.mean(axis=0)) - interaction(a)
        reach = by_hand([(spread(a.mean(axis=1)), len(a) - 1), (examples, EXAMPLES - 1)])
        assert row["risk"] == pytest.approx(held.mean(), rel=1e-12)
        assert row["risk_hi"] - row["risk"] == pytest.approx(reach, rel=1e-9)
        assert row["risk"] - row["risk_lo"] == pytest.approx(reach, rel=1e-9)


def test_the_knee_is_found_and_placed_among_the_dimensions(tmp_path: Path) -> None:
    _, (knee,) = tables(written(tmp_path, drawn()).joined())
    told = ("knee", "knee_lo", "knee_hi", "smallest", "largest", "num_dims", "num_seeds")
    assert [knee[name] for name in told] == [5, 5, 5, 2, 20, 4, 4]
    assert knee["knee_risk"] == pytest.approx(RISKS[5], rel=0.05)
    assert 0 < knee["sharpness_lo"] < knee["sharpness"] < knee["sharpness_hi"]


def test_a_set_that_is_divided_anew_has_wider_intervals(tmp_path: Path) -> None:
    """Nadeau and Bengio's factor in place of 1/k, and no examples that seeds share."""
    terms = drawn()
    points, (knee,) = tables(written(tmp_path, terms, **DIVIDED).joined())
    factor, t = 1 / 4 + 599 / 1198, scipy.stats.t.ppf(0.975, 3)
    for row, held in zip(points, terms.values(), strict=True):
        reach = t * (factor * held.mean(axis=1).var(ddof=1)) ** 0.5
        assert row["risk_hi"] - row["risk"] == pytest.approx(reach, rel=1e-9)
    assert knee["knee"] == 5


@pytest.mark.parametrize(("seeds", "dims"), [(2, 4), (4, 2)])
def test_from_less_than_three_of_each_no_knee_is_told(
    seeds: int, dims: int, tmp_path: Path
) -> None:
    terms = dict(list(drawn(seeds).items())[:dims])
    points, (knee,) = tables(written(tmp_path, terms).joined())
    assert len(points) == knee["num_dims"] == dims
    names = ("knee", "knee_lo", "knee_hi", "knee_risk", "sharpness", "sharpness_lo")
    assert {knee[name] for name in names} == {None}


def test_without_the_terms_there_are_values_and_no_intervals(tmp_path: Path) -> None:
    points, (knee,) = tables(written(tmp_path, drawn()).without_decisions())
    assert knee["knee"] == 5
    assert {knee[name] for name in ("knee_lo", "knee_hi", "sharpness_lo")} == {None}
    assert {row["risk_lo"] for row in points} == {None}


def test_a_curve_is_of_the_seeds_that_all_its_points_have(tmp_path: Path) -> None:
    study = written(tmp_path, drawn())
    study.records = [r for r in study.records if (r["latent_dim"], r["seed"]) != (10, 3)]
    points, (knee,) = tables(study.joined())
    assert {row["num_seeds"] for row in points} == {knee["num_seeds"]} == {3}


def test_cells_are_told_apart_and_families_meet_at_one_dimension(tmp_path: Path) -> None:
    """A family without the dimension is in the grid once, and meets no one who has it."""
    study = written(tmp_path, drawn())
    for seed in range(4):
        rng = np.random.default_rng(seed)
        study.add_terms(terms={"budget": rng.random(EXAMPLES)}, family="pca", seed=seed)
        for k in (2, 5):
            held = {"family": "vae", "latent_dim": k, "seed": seed}
            study.add_terms(terms={"budget": 9.0 + rng.random(EXAMPLES)}, **held)
    joined = study.joined()
    grid = [(cell.family, cell.latent_dim) for cell in study_grid(joined, {})]
    assert grid == [(f, k) for f in ("ae", "vae") for k in RISKS][:4] + [("pca", None)] + [
        ("vae", k) for k in RISKS
    ]
    landscape = to_rows(build_landscape(joined, {}))
    risks = {(row["family"], row["latent_dim"]): row["risk"] for row in landscape}
    assert risks["ae", 10] == pytest.approx(RISKS[10], rel=0.05)
    assert risks["vae", 10] is None  # the study asks for it, and nobody was measured
    rows = to_rows(build_comparisons(joined))
    cells = [row for row in rows if row["scope"] == "cell"]
    assert {(row["first"], row["second"], row["latent_dim"]) for row in cells} == {
        ("ae", "vae", 2),
        ("ae", "vae", 5),
    }


def test_a_study_without_the_axis_writes_none_of_its_tables(tmp_path: Path) -> None:
    records = [make_record(seed=seed, risk=0.3, latent_dim=k) for seed in (0, 1) for k in (2, 5)]
    for name, held in (("with", records), ("without", [make_record(risk=0.3)])):
        folder = tmp_path / name
        folder.mkdir()
        write_results(build_results(build_trials(held, {}), {}), folder, {})
        assert (folder / "knees.csv").exists() == (name == "with")
        assert (folder / "latent_dims.csv").exists() == (name == "with")
        assert not (folder / "per_class.csv").exists()
