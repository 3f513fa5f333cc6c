"""Squared errors by class: values and intervals computed a second time, and what is refused."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from study.analysis.decisions import Labelled
from study.analysis.frames import Row, to_rows
from study.analysis.joined import Joined
from study.analysis.per_class import build_per_class
from tests.analysis.decided import Array, Written
from tests.analysis.test_other_risks import by_hand, half, interaction, spread

NAMES = np.array(["T-shirt/top", "Trouser", "Bag"])
LEVEL = np.array([0.03, 0.01, 0.02])
LABELS = np.repeat(np.arange(3), [50, 80, 120]).astype(np.uint8)
SEEDS = 5


def drawn(rng: np.random.Generator, seeds: int = SEEDS) -> Array:
    """Terms (k, N): a class's level, a seed's effect on each class, and on all of them."""
    shared = 1 + 0.05 * rng.standard_normal((seeds, 1))
    own = 1 + 0.03 * rng.standard_normal((seeds, 3))
    example = rng.gamma(4.0, 0.25, len(LABELS))
    found: Array = LEVEL[LABELS] * shared * own[:, LABELS] * example
    return found * (1 + 0.1 * rng.standard_normal(found.shape).clip(-3, 3))


def written(folder: Path, terms: Array, labels: Any = None, **named: Any) -> Written:
    study = Written(folder, np.full((len(LABELS), 2), 0.5), 0.0)
    for seed, own in enumerate(terms):
        classes = {"labels": LABELS if labels is None else labels[seed], "class_names": NAMES}
        known = {"family": "ae", "latent_dim": 2, "seed": seed, "psnr_db": 20.0, **named}
        study.add_terms(terms={"budget": own}, classes=classes, **known)
    return study


def rows_of(joined: Joined) -> list[Row]:
    return to_rows(build_per_class(joined, {}))


def ends(row: Row, name: str) -> list[float]:
    return [row[f"{name}_lo"], row[f"{name}_hi"]]


def test_values_and_intervals_are_of_each_class_s_examples(tmp_path: Path) -> None:
    terms = drawn(np.random.default_rng(1))
    rows = rows_of(written(tmp_path, terms).joined())
    assert [row["class_name"] for row in rows] == NAMES.tolist()
    assert [row["rank"] for row in rows] == [3, 1, 2]
    assert [row["num_examples"] for row in rows] == [50, 80, 120]
    for row in rows:
        a = half(terms)[:, row["class"] == LABELS]
        examples = spread(a.mean(axis=0)) - interaction(a)
        # the degrees of freedom of the smallest class, for all
        reach = by_hand([(spread(a.mean(axis=1)), SEEDS - 1), (examples, 49)])
        mse = a.mean()
        assert row["mse"] == pytest.approx(mse, rel=1e-9)
        assert ends(row, "mse") == pytest.approx([mse - reach, mse + reach], rel=1e-9)
        assert row["psnr_db"] == pytest.approx(10 * math.log10(1 / mse))
        decibels = [10 * math.log10(1 / (mse + reach)), 10 * math.log10(1 / (mse - reach))]
        assert ends(row, "psnr_db") == pytest.approx(decibels)


def test_the_hardest_is_held_against_the_easiest_by_pairs_of_seeds(tmp_path: Path) -> None:
    """At 1 - .05/3: of three classes there are three pairs to be chosen from."""
    terms = half(drawn(np.random.default_rng(2)))
    rows = rows_of(written(tmp_path, terms).joined())
    hard, easy = (terms[:, label == LABELS] for label in (0, 1))
    seeds = spread(hard.mean(axis=1) - easy.mean(axis=1))
    examples = sum(spread(a.mean(axis=0)) - interaction(a) for a in (hard, easy))
    level = 1 - 0.05 / 3 / 2
    total = seeds + examples
    freedom = total**2 / (seeds**2 / (SEEDS - 1) + examples**2 / 49)
    pooled = total * scipy.stats.t.ppf(level, freedom) ** 2
    apart = seeds * scipy.stats.t.ppf(level, SEEDS - 1) ** 2
    apart += examples * scipy.stats.t.ppf(level, 49) ** 2
    reach = math.sqrt((pooled + apart) / 2)
    value = hard.mean() - easy.mean()
    assert rows[0]["above_easiest"] == pytest.approx(value, rel=1e-9)
    assert ends(rows[0], "above_easiest") == pytest.approx([value - reach, value + reach], rel=1e-9)
    assert rows[1]["above_easiest"] is None


def test_each_seed_of_a_divided_set_has_labels_of_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    terms = drawn(rng)
    order = [rng.permutation(len(LABELS)) for _ in range(SEEDS)]
    mixed = np.array([own[place] for own, place in zip(terms, order, strict=True)])
    divided = {"is_resplit": True, "num_available": 500, "num_test": 250}
    study = written(tmp_path, mixed, [LABELS[place] for place in order], **divided)
    joined = study.joined()
    rows = rows_of(joined)
    for row in rows:
        means = half(terms)[:, row["class"] == LABELS].mean(axis=1)
        variance = (1 / SEEDS + 250 / 500) * means.var(ddof=1)
        reach = scipy.stats.t.ppf(0.975, SEEDS - 1) * variance**0.5
        assert row["mse"] == pytest.approx(means.mean(), rel=1e-9)
        assert ends(row, "mse") == pytest.approx(
            [means.mean() - reach, means.mean() + reach], rel=1e-9
        )
    # Terms of samples that are not one are in no interval over examples.
    assert joined.decisions is not None
    measured = [row for held in joined.current["measure"].values() for row in held]
    assert {joined.decisions.losses(row) is None for row in measured} == {True}


class Held:
    """Terms that no file holds, by seed."""

    def __init__(self, terms: Array) -> None:
        self._terms = terms

    def labelled(self, row: Row) -> Labelled:
        return Labelled(terms=self._terms[row["seed"]], labels=LABELS, names=())


def test_intervals_cover_each_class_s_error(tmp_path: Path) -> None:
    """95% of 300 studies of three classes, less 3 standard errors; and all pairs at once."""
    joined = written(tmp_path, drawn(np.random.default_rng(0))).joined()
    inside, pairs, num = 0, 0, 300
    for number in range(num):
        held: Any = Held(drawn(np.random.default_rng([7, number])))
        rows = rows_of(replace(joined, decisions=held))
        inside += sum(row["mse_lo"] <= LEVEL[row["class"]] <= row["mse_hi"] for row in rows)
        (easiest,) = (row["class"] for row in rows if row["rank"] == 1)
        above = {row["class"]: ends(row, "above_easiest") for row in rows if row["rank"] > 1}
        truths = LEVEL - LEVEL[easiest]
        pairs += all(lo <= truths[label] <= hi for label, (lo, hi) in above.items())
    least = 0.95 - 3 * (0.05 * 0.95 / num) ** 0.5
    assert inside >= least * 3 * num
    assert pairs >= least * num


def test_points_have_no_peak_and_one_seed_no_interval(tmp_path: Path) -> None:
    terms = drawn(np.random.default_rng(4), seeds=1)
    rows = rows_of(written(tmp_path, terms, psnr_db=None).joined())
    assert {row["psnr_db"] for row in rows} == {None}
    assert {row["mse_lo"] for row in rows} == {None}
    assert all(row["mse"] > 0 for row in rows)


def test_where_terms_are_the_excess_s_no_class_has_an_error(tmp_path: Path) -> None:
    """Denoising N(-2, 1) and, one in ten, N(2, 1), tau = 1, by E[x | z]: no example has an excess.

    The rare class costs more than half as much again as the other: neither is 0, the mean of its
    terms, nor R*, that and what all share.
    """
    rng = np.random.default_rng(8)
    labels = (rng.random(20_000) < 0.1).astype(np.uint8)
    x = np.where(labels == 1, 2.0, -2.0) + rng.standard_normal(len(labels))
    z = x + rng.standard_normal(len(labels))
    one = 1 / (1 + 9 * np.exp(-2 * z))  # densities of N(2, 2) and N(-2, 2) at z, by Bayes' rule
    costs = np.square(x - (z / 2 + 2 * one - 1))  # each component's mean is (z + m) / 2
    least, by_class = costs.mean(), [costs[labels == label].mean() for label in (0, 1)]
    assert by_class[1] > 1.5 * by_class[0]
    assert by_class[0] != pytest.approx(least, rel=0.05)
    excess = Written(tmp_path / "law", np.full((len(labels), 2), 0.5), 0.0)
    real = Written(tmp_path / "real", np.full((len(labels), 2), 0.5), 0.0)
    for seed in range(SEEDS):
        named: Any = {"task": "denoising", "classes": {"labels": labels}, "family": "dae"}
        nothing = {"budget": np.zeros(len(labels))}
        excess.add_terms(terms=nothing, floor=float(least), seed=seed, **named)
        real.add_terms(terms={"budget": costs}, seed=seed, **named)
    assert rows_of(excess.joined()) == []
    # Where R* is unknown terms are the risk's, and of each class they are its error.
    found = [row["mse"] for row in rows_of(real.joined())]
    assert found == pytest.approx(by_class, rel=1e-3)


@pytest.mark.parametrize(
    "classes",
    [
        {"labels": LABELS[:-1]},
        {"labels": LABELS.astype(np.float32)},
        {"labels": LABELS.astype(np.int64) - 1},
        {"labels": LABELS, "class_names": NAMES[:2]},
        {"labels": LABELS, "class_names": np.arange(3)},
    ],
)
def test_classes_that_cannot_be_are_said_and_left_out(
    classes: dict[str, Any], tmp_path: Path
) -> None:
    study = Written(tmp_path, np.full((len(LABELS), 2), 0.5), 0.0)
    for seed, own in enumerate(drawn(np.random.default_rng(5))):
        study.add_terms(terms={"budget": own}, classes=classes, family="ae", seed=seed)
    joined = study.joined()
    assert rows_of(joined) == []
    assert joined.decisions is not None
    assert "labels: no classes of the 250 examples" in joined.decisions.skipped[0]


def test_of_older_studies_and_other_risks_nothing_is_said(tmp_path: Path) -> None:
    study = Written(tmp_path, np.full((len(LABELS), 2), 0.5), 0.0)
    for seed, own in enumerate(drawn(np.random.default_rng(6))):
        study.add_terms(terms={"budget": own}, family="ae", seed=seed)
        classes = {"labels": LABELS}
        named = {"family": "flow", "seed": seed, "task": "generation"}
        study.add_terms(terms={"budget": own}, classes=classes, **named)
    joined = study.joined()
    assert rows_of(joined) == []
    assert joined.decisions is not None
    assert joined.decisions.skipped == []


def test_the_excess_over_a_known_floor_is_no_class_s_error(tmp_path: Path) -> None:
    terms = drawn(np.random.default_rng(7))
    rows = rows_of(written(tmp_path / "real", terms, task="denoising").joined())
    assert [row["rank"] for row in rows] == [3, 1, 2]
    law = written(tmp_path / "law", terms, task="denoising", floor=0.5)
    assert rows_of(law.joined()) == []
