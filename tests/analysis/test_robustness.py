"""Families beside the one named first, with corrupted training images: worked again by hand."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.stats

from study.analysis.comparisons import build_comparisons
from study.analysis.files import FAMILIES_KEY, read_families, write_table
from study.analysis.frames import TableError, to_rows
from study.analysis.robustness import build_robustness
from study.analysis.table import build_trials
from tests.analysis.conftest import make_record
from tests.analysis.decided import Array, Written

Row = dict[str, Any]
SEEDS, EXAMPLES = 4, 300
POSTERIOR = np.full((EXAMPLES, 2), 0.5) + np.array([0.25, -0.25])
LEVELS = {"outliers": [0.0, 0.2, 0.4], "label_noise": [0.0, 0.1], "pixel_noise": [0.0, 0.3]}
UNDAMAGED = {"distortion": "none", "severity": 0.0}


def half(terms: Array) -> Array:
    """Terms as they come back: rounded to half precision."""
    return terms.astype(np.float16).astype(np.float64)


def written(
    study: Written,
    rng: np.random.Generator,
    family: str,
    kinds: tuple[str, ...] = (),
    num: int = SEEDS,
    level: float = 1.0,
    **named: Any,
) -> dict[str, Array]:
    """The trials of a cell; terms (k, N) by what they are of."""
    example = rng.gamma(2.0, 0.5, EXAMPLES)
    drawn: dict[str, Array] = {}
    for what in ("risk", *kinds):
        own = level + 0.05 * rng.standard_normal((num, 1))
        drawn[what] = half(own * example + 0.1 * rng.random((num, EXAMPLES)))
    for seed in range(num):
        under = {kind: drawn[kind][seed] for kind in kinds}
        study.add_terms(
            terms={"budget": drawn["risk"][seed]},
            classes={f"{kind}_terms": held.astype(np.float16) for kind, held in under.items()},
            family=family,
            seed=seed,
            **{f"{kind}_risk": float(held.mean()) for kind, held in under.items()},
            **{f"{kind}_restored_mse": float(held[:50].mean()) for kind, held in under.items()},
            **named,
        )
    return drawn


def by_hand(parts: list[tuple[float, int]]) -> float:
    """The half-width of variances known to degrees of freedom: docs/protocol.md, written anew."""
    total = sum(variance for variance, _ in parts)
    freedom = total**2 / sum(variance**2 / known for variance, known in parts)
    pooled = total * scipy.stats.t.ppf(0.975, freedom) ** 2
    apart = sum(variance * scipy.stats.t.ppf(0.975, known) ** 2 for variance, known in parts)
    return math.sqrt((pooled + apart) / 2)


def crossed_half(terms: Array) -> float:
    """Of the mean of terms (k, N) over seeds and examples."""
    k, num = terms.shape
    seeds, examples = terms.mean(axis=1), terms.mean(axis=0)
    left = terms - seeds[:, None] - examples + terms.mean()
    interaction = (left**2).sum() / ((k - 1) * (num - 1)) / (k * num)
    noise = max(0.0, examples.var(ddof=1) / num - interaction)
    return by_hand([(seeds.var(ddof=1) / k, k - 1), (noise, num - 1)])


def interval(row: Mapping[str, Any]) -> tuple[float, float]:
    return row["difference_lo"], row["difference_hi"]


def of_others(rows: list[Row]) -> list[Row]:
    """Rows of the families that are compared with the reference."""
    return [row for row in rows if row["family"] != row["reference"]]


def test_one_cell_by_hand(tmp_path: Path) -> None:
    """One test of each measure: nothing to shrink variances towards."""
    rng, study = np.random.default_rng(1), Written(tmp_path, POSTERIOR, 0.25)
    cell = {"distortion": "outliers", "severity": 0.2}
    first = written(study, rng, "a_robust", ("outliers",), level=0.8, **cell)
    second = written(study, rng, "b_plain", ("outliers",), **cell)
    levels = {"outliers": [0.2]}
    whole = to_rows(build_robustness(study.joined(levels), levels, ["b_plain", "a_robust"]))
    rows = of_others(whole)
    assert [row["measure"] for row in rows] == ["risk", "corrupted_risk", "restored_mse"]
    assert {(row["family"], row["reference"]) for row in rows} == {("a_robust", "b_plain")}
    assert {(row["level"], row["severity"], row["num_pairs"]) for row in rows} == {(0, 0.2, SEEDS)}
    own = [row for row in whole if row["family"] == "b_plain"]
    assert [row["measure"] for row in own] == [row["measure"] for row in rows]
    assert {(row["difference"], row["num_pairs"]) for row in own} == {(None, None)}
    for row, terms in zip(
        [*rows[:2], *own[:2]],
        [first["risk"], first["outliers"], second["risk"], second["outliers"]],
        strict=True,
    ):
        reach = crossed_half(terms)
        ends = (row["value"] - reach, row["value"] + reach)
        assert row["num_seeds"] == SEEDS
        assert row["value"] == pytest.approx(terms.mean(), abs=1e-6)
        assert (row["value_lo"], row["value_hi"]) == pytest.approx(ends)
    for row, what in zip(rows, ("risk", "outliers"), strict=False):
        terms = first[what] - second[what]
        assert row["value"] == pytest.approx(first[what].mean(), abs=1e-6)
        assert row["difference"] == pytest.approx(terms.mean(), abs=1e-6)
        reach = crossed_half(terms)
        assert interval(row) == pytest.approx((terms.mean() - reach, terms.mean() + reach))
    restored = (first["outliers"] - second["outliers"])[:, :50].mean(axis=1)
    reach = scipy.stats.t.ppf(0.975, SEEDS - 1) * restored.std(ddof=1) / math.sqrt(SEEDS)
    assert interval(rows[2]) == pytest.approx((restored.mean() - reach, restored.mean() + reach))


def test_a_set_that_every_seed_divides_anew_by_hand(tmp_path: Path) -> None:
    """Nadeau and Bengio: (1/k + n_test/n_train) s^2 and Student's t, of differences by division."""
    rng, study = np.random.default_rng(2), Written(tmp_path, POSTERIOR, 0.25)
    facts = {"is_resplit": True, "num_available": 1_200, "num_test": 600}
    cell = {"distortion": "pixel_noise", "severity": 0.3, **facts}
    drawn = [written(study, rng, name, ("pixel_noise",), **cell) for name in ("ae", "vae")]
    levels = {"pixel_noise": [0.3]}
    rows = of_others(to_rows(build_robustness(study.joined(levels), levels, ["ae", "vae"])))
    assert len(rows) == 3
    values = drawn[1]["risk"].mean(axis=1)
    reach = scipy.stats.t.ppf(0.975, SEEDS - 1) * math.sqrt((1 / SEEDS + 0.5) * values.var(ddof=1))
    assert rows[0]["value_hi"] == pytest.approx(values.mean() + reach)
    for row, what in zip(rows, ("risk", "pixel_noise"), strict=False):
        apart = (drawn[1][what] - drawn[0][what]).mean(axis=1)
        reach = scipy.stats.t.ppf(0.975, SEEDS - 1) * math.sqrt(
            (1 / SEEDS + 600 / 1_200) * apart.var(ddof=1)
        )
        assert interval(row) == pytest.approx((apart.mean() - reach, apart.mean() + reach))
        assert row["family"] == "vae"


@pytest.fixture
def study(tmp_path: Path) -> Written:
    """Three families at two sizes: undistorted, and under each level."""
    rng, study = np.random.default_rng(3), Written(tmp_path, POSTERIOR, 0.25)
    for place, family in enumerate(("ae", "hardy", "vae")):
        for num_train in (64, 256):
            held: dict[str, Any] = {"num_train": num_train, "level": 1.0 + 0.1 * place}
            kinds = ("outliers", "pixel_noise")
            written(study, rng, family, kinds, **UNDAMAGED, **held)
            for kind in LEVELS:
                under = (kind,) if kind in kinds else ()
                for severity in LEVELS[kind][1:]:
                    damage = {"distortion": kind, "severity": severity}
                    written(study, rng, family, under, **damage, **held)
    return study


def test_on_clean_images_it_is_the_comparisons_own_rows(study: Written) -> None:
    joined = study.joined(LEVELS)
    rows = to_rows(build_robustness(joined, LEVELS, ["hardy", "ae", "vae"]))
    compared = {
        (row["first"], row["second"], row["distortion"], row["severity"], row["num_train"]): row
        for row in to_rows(build_comparisons(joined))
        if row["scope"] == "cell"
    }
    clean = of_others([row for row in rows if row["measure"] == "risk"])
    # two families, two sizes, and 3 + 2 + 2 levels
    assert len(clean) == 2 * 2 * 7
    for row in clean:
        damage = (row["distortion"], row["severity"]) if row["severity"] else ("none", 0.0)
        names = sorted((row["family"], "hardy"))
        other = compared[(*names, *damage, row["num_train"])]
        ends = interval(other)
        if names[0] == "hardy":
            ends = (-ends[1], -ends[0])
        assert interval(row) == ends
        assert row["difference"] == (1 if names[0] != "hardy" else -1) * other["difference"]


def test_every_corruption_has_its_own_rows(study: Written) -> None:
    table = build_robustness(study.joined(LEVELS), LEVELS, ["ae", "hardy", "vae"])
    rows = of_others(to_rows(table))
    seen = {(row["measure"], row["distortion"], row["severity"]) for row in rows}
    shown = {(kind, severity) for kind in LEVELS for severity in LEVELS[kind]}
    corrupted = {(kind, severity) for kind, severity in shown if kind != "label_noise"}
    assert seen == {
        *(("risk", *damage) for damage in shown),
        *((measure, *d) for d in corrupted for measure in ("corrupted_risk", "restored_mse")),
    }
    at_none = [
        row["value"]
        for row in rows
        if (row["measure"], row["severity"], row["num_train"]) == ("corrupted_risk", 0.0, 64)
    ]
    assert len(set(at_none)) == len(at_none) == 4, "of an undistorted cell each kind's own"
    levels = {row["severity"]: row["level"] for row in rows if row["distortion"] == "outliers"}
    assert levels == {0.0: 0, 0.2: 1, 0.4: 2}


def test_without_decisions_differences_have_no_interval(study: Written) -> None:
    rows = of_others(to_rows(build_robustness(study.without_decisions(), LEVELS, ["ae"])))
    by_measure = {row["measure"]: interval(row) for row in rows}
    assert by_measure["risk"] == by_measure["corrupted_risk"] == (None, None)
    assert all(row["difference"] is not None for row in rows)


def test_terms_of_another_rule_are_refused_in_a_line(study: Written) -> None:
    trial = next(r for r in study.records if r["metrics"].get("outliers_risk") is not None)
    path = study.folder / "decisions" / f"{trial['trial_id']}.npz"
    arrays = dict(np.load(path))
    arrays["outliers_terms"] = arrays["outliers_terms"] + np.float16(1)
    np.savez(path, **arrays)  # type: ignore[arg-type]
    joined = study.joined(LEVELS)
    build_robustness(joined, LEVELS, ["ae"])
    assert joined.decisions is not None
    (line,) = joined.decisions.skipped
    assert f"{trial['trial_id']}.npz: outliers: outliers_risk is" in line


@pytest.mark.parametrize(
    ("levels", "families"),
    [
        ({"label_noise": [0.0, 0.1]}, ["ae"]),  # no image is corrupted
        (LEVELS, []),  # a table alone that does not say
        (LEVELS, ["vgg"]),  # the only one named is not there
    ],
)
def test_where_there_is_no_reference_or_corruption_there_is_no_table(
    study: Written, levels: dict[str, list[float]], families: list[str]
) -> None:
    assert build_robustness(study.joined(LEVELS), levels, families).empty


def test_the_order_of_families_travels_with_the_table(tmp_path: Path) -> None:
    frame = build_trials([make_record(risk=0.2)], {})
    named = write_table(frame, tmp_path / "named", families=["vgg", "linear"])
    assert read_families(named) == ("vgg", "linear")
    plain = write_table(frame, tmp_path / "plain")
    assert read_families(plain) == ()
    table = pq.read_table(named)
    for text in (b"{", b"3", b"[3]"):
        broken = table.replace_schema_metadata({**table.schema.metadata, FAMILIES_KEY: text})
        pq.write_table(broken, tmp_path / "broken.parquet")
        with pytest.raises(TableError, match="the families in its metadata cannot be read"):
            read_families(tmp_path / "broken.parquet")
