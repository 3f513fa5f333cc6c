"""Risks by class: values a second time, sums that must be the cell's, coverage of intervals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from study.analysis.class_risks import bayes_confusion, build_class_risks
from study.analysis.frames import Row, to_rows
from study.analysis.joined import Joined
from study.analysis.landscape import build_landscape
from study.trials.decisions import FOLDER, law_key
from study.trials.trial import cell_of
from tests.analysis.decided import Array, Written
from tests.analysis.test_other_risks import by_hand, interaction, spread

TERMS = ("approximation", "objective", "estimation", "optimization")
NUM, SEEDS, RESTARTS = 900, 5, 3


def posterior(seed: int = 0, num: int = NUM) -> Array:
    """Of three classes, the last of them rare."""
    rng = np.random.default_rng([seed, 1])
    found: Array = rng.dirichlet([1.0, 0.8, 0.2], size=num)
    return found


def rules(rng: np.random.Generator, eta: Array, num: int, noise: float) -> Array:
    """Decisions (num, N) by posteriors that each rule and each example blurs."""
    blurred = np.log(eta + 1e-3) + noise * rng.standard_normal((num, *eta.shape))
    blurred += 0.3 * noise * rng.standard_normal((num, 1, eta.shape[1]))
    decided: Array = blurred.argmax(axis=2)
    return decided


def drawn(seed: int, eta: Array) -> dict[str, Array]:
    rng = np.random.default_rng([seed, 2])
    converged = rules(rng, eta, SEEDS, 0.6)
    slow = rng.random(converged.shape) < 0.1
    return {
        "best": rules(rng, eta, 1, 0.1),
        "limit": rules(rng, eta, RESTARTS, 0.3),
        "converged": converged,
        "budget": np.where(slow, 0, converged),
    }


def written(folder: Path, eta: Array, decided: Mapping[str, Array]) -> Written:
    study = Written(folder, eta, 0.2)
    for seed in range(SEEDS):
        both = {branch: decided[branch][seed] for branch in ("budget", "converged")}
        study.add(classes=both, seed=seed)
    for seed in range(RESTARTS):
        study.add("limit", classes={"budget": decided["limit"][seed]}, seed=seed, num_train=9000)
    study.add("best_in_class", classes={"budget": decided["best"][0]}, num_train=9000)
    best = study.records[-1]["metrics"]
    best["selection_risk"] = 0.0  # it was chosen
    return study


def rows_of(joined: Joined) -> list[Row]:
    return to_rows(build_class_risks(joined, {}))


def class_risk(eta: Array, decided: Array, k: int) -> float:
    """By sums over examples, one at a time."""
    lost = sum(eta[i, k] for i in range(len(eta)) if decided[i] != k)
    return float(lost / sum(eta[i, k] for i in range(len(eta))))


def test_risks_and_terms_are_those_of_the_decisions(tmp_path: Path) -> None:
    eta = posterior()
    decided = drawn(0, eta)
    rows = rows_of(written(tmp_path, eta, decided).joined())
    assert [row["class_name"] for row in rows] == ["0", "1", "2"]
    for row in rows:
        k = row["class"]
        mean = {
            name: np.mean([class_risk(eta, one, k) for one in held])
            for name, held in decided.items()
        }
        floor = class_risk(eta, eta.argmax(axis=1), k)
        assert row["bayes_risk"] == pytest.approx(floor, rel=1e-9)
        assert row["risk"] == pytest.approx(mean["budget"], rel=1e-9)
        wanted = {
            "total": mean["budget"] - floor,
            "approximation": mean["best"] - floor,
            "objective": mean["limit"] - mean["best"],
            "estimation": mean["converged"] - mean["limit"],
            "optimization": mean["budget"] - mean["converged"],
        }
        assert {name: row[name] for name in wanted} == pytest.approx(wanted, abs=1e-9)
        assert all(row[f"{name}_lo"] <= row[name] <= row[f"{name}_hi"] for name in wanted)
        assert row["num_seeds"] == SEEDS


def test_terms_telescope_and_their_means_over_classes_are_the_cell_s(tmp_path: Path) -> None:
    eta = posterior(3)
    joined = written(tmp_path, eta, drawn(3, eta)).joined()
    rows = rows_of(joined)
    (cell,) = to_rows(build_landscape(joined, {}))
    assert sum(row["prior"] for row in rows) == pytest.approx(1, abs=1e-12)
    for row in rows:
        assert sum(row[name] for name in TERMS) == pytest.approx(row["total"], abs=1e-12)
        assert row["total"] == pytest.approx(row["risk"] - row["bayes_risk"], abs=1e-12)
    for name in ("total", *TERMS):
        weighed = sum(row["prior"] * row[name] for row in rows)
        assert weighed == pytest.approx(cell[name], abs=1e-9), name
        assert abs(cell[name]) > 1e-3  # there is something to be summed


def test_an_interval_is_of_seeds_and_examples_crossed(tmp_path: Path) -> None:
    """Of `optimization`, paired by seed and example: the ratio's terms, by hand."""
    eta = posterior(1)
    decided = drawn(1, eta)
    rows = rows_of(written(tmp_path, eta, decided).joined())
    for row in rows:
        k = row["class"]
        share = eta[:, k] / eta[:, k].mean()
        wrong = 1.0 * (decided["budget"] != k) - (decided["converged"] != k)
        risk = (share * wrong).mean(axis=1, keepdims=True)
        a = share * (wrong - risk) + risk
        examples = max(0.0, spread(a.mean(axis=0)) - interaction(a))
        reach = by_hand([(spread(a.mean(axis=1)), SEEDS - 1), (examples, NUM - 1)])
        assert row["optimization_hi"] - row["optimization"] == pytest.approx(reach, rel=1e-6)


@pytest.mark.slow
def test_intervals_cover_each_class_s_risk_and_total(tmp_path: Path) -> None:
    """95% of 50 studies of 400 examples, less 3 standard errors, against 200,000 examples."""
    num, inside = 50, 0
    rates = np.array([0.25, 0.5, 0.1])  # how often a rule says another class of one
    for number in range(num):
        rng = np.random.default_rng([5, number])
        eta = rng.dirichlet([1.0, 0.8, 0.2], size=400)
        own = np.clip(rates + 0.05 * rng.standard_normal((SEEDS, 1)), 0, 1)
        best = eta.argmax(axis=1)
        off = rng.random((SEEDS, 400)) < own[:, best]
        decided = np.where(off, (best + 1) % 3, best)
        study = Written(tmp_path / str(number), eta, 0.2)
        for seed in range(SEEDS):
            study.add(classes={"budget": decided[seed]}, seed=seed)
        rows = rows_of(study.joined())
        inside += sum(
            row[f"{name}_lo"] <= truth <= row[f"{name}_hi"]
            for row in rows
            for name, truth in zip(("risk", "total"), TRUTHS[row["class"]], strict=True)
        )
    assert inside >= (0.95 - 3 * (0.05 * 0.95 / num / 2) ** 0.5) * 6 * num


def _truths() -> list[tuple[float, float]]:
    eta = np.random.default_rng(99).dirichlet([1.0, 0.8, 0.2], size=200_000)
    best, rates = eta.argmax(axis=1), np.array([0.25, 0.5, 0.1])
    found = []
    for k in range(3):
        said = np.where(best == k, 1 - rates[best], np.where((best + 1) % 3 == k, rates[best], 0))
        risk, floor = ((eta[:, k] * lost).sum() / eta[:, k].sum() for lost in (1 - said, best != k))
        found.append((float(risk), float(risk - floor)))
    return found


TRUTHS = _truths()


def real(folder: Path, names: Any = None) -> tuple[Written, Array, Array]:
    """A study on 600 real examples of three classes, named or not."""
    rng = np.random.default_rng(8)
    labels = rng.choice(3, size=600, p=[0.5, 0.4, 0.1])
    decided = np.where(rng.random((SEEDS, 600)) < 0.2, rng.integers(0, 3, (SEEDS, 600)), labels)
    study = Written(folder, np.eye(3)[labels], 0.0)
    for seed in range(SEEDS):
        study.add(classes={"budget": decided[seed]}, seed=seed)
        record = study.records[-1]
        wrong = float((decided[seed] != labels).mean())
        record["metrics"] |= {"risk": wrong}
        for name in ("bayes_risk", "bayes_risk_se", "excess_risk", "excess_risk_se"):
            record["metrics"].pop(name)
    law = study.folder / FOLDER / f"law-{law_key(cell_of(study.records[0]))}.npz"
    held = {"labels": labels, "num_classes": np.array(3)}
    np.savez(law, **held, **({} if names is None else {"class_names": names}))
    return study, labels, decided


def test_of_real_images_there_are_risks_alone(tmp_path: Path) -> None:
    study, labels, decided = real(tmp_path, np.array(["Coat", "Bag", "Shirt"]))
    rows = rows_of(study.joined())
    assert [row["class_name"] for row in rows] == ["Coat", "Bag", "Shirt"]
    for row in rows:
        wrong = decided[:, labels == row["class"]] != row["class"]
        assert row["risk"] == pytest.approx(wrong.mean(), rel=1e-9)
        assert row["prior"] == pytest.approx((labels == row["class"]).mean())
        assert row["risk_lo"] < row["risk"] < row["risk_hi"]
        for name in ("bayes_risk", "total", "approximation", "objective"):
            assert row[name] is None
        # wider than one rule's binomial interval would be narrow: seeds and examples both count
        one = scipy.stats.sem(wrong.mean(axis=0))
        assert row["risk_hi"] - row["risk"] > 1.9 * one


def test_names_that_cannot_be_are_said_and_the_law_is_left_out(tmp_path: Path) -> None:
    joined = real(tmp_path, np.array(["Coat", "Bag"]))[0].joined()
    assert rows_of(joined) == []
    assert joined.decisions is not None
    assert "class_names are no names of 3 classes" in joined.decisions.skipped[0]


def test_without_decisions_or_of_other_tasks_nothing_is_said(tmp_path: Path) -> None:
    eta = posterior(4)
    study = written(tmp_path / "a", eta, drawn(4, eta))
    assert rows_of(study.without_decisions()) == []
    other = Written(tmp_path / "b", eta, 0.2)
    other.add_terms(terms={"budget": np.full(NUM, 0.1)})
    assert rows_of(other.joined()) == []


def test_the_bayes_rule_s_confusion_sums_to_its_risk(tmp_path: Path) -> None:
    eta = posterior(5)
    study = written(tmp_path, eta, drawn(5, eta))
    joined = study.joined()
    assert joined.decisions is not None
    counts = bayes_confusion(joined.decisions, cell_of(study.records[0]))
    assert counts is not None
    assert counts.sum() == pytest.approx(NUM)
    assert counts.trace() == pytest.approx(NUM * eta.max(axis=1).mean())
    for k, row in enumerate(rows_of(joined)):
        assert 1 - counts[k, k] / counts[k].sum() == pytest.approx(row["bayes_risk"])
    assert counts[0, 1] == pytest.approx(sum(e[0] for e in eta if e.argmax() == 1))
    unknown, _, _ = real(tmp_path / "real")
    held = unknown.joined()
    assert held.decisions is not None
    assert bayes_confusion(held.decisions, cell_of(unknown.records[0])) is None
