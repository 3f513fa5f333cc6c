"""Learning curves of studies: fitted, anchored, and honest about what is unknown."""

from pathlib import Path

import numpy as np
import pytest

from study.analysis.frames import to_rows
from study.analysis.learning_curves import build_learning_curves
from tests.analysis.decided import Written

SIZES = (64, 128, 256, 512, 1024)
N = 2_000
BAYES_RISK = 0.1


def _study(
    folder: Path,
    *,
    seed: int = 2,
    sizes: tuple[int, ...] = SIZES,
    num_seeds: int = 6,
    restarts: int = 4,
    c: float = 0.14,
    limit: float = 0.14,
) -> Written:
    """R_n(inf) = c + 1.6 n^-.6 of rules that turn the Bayes rule over where a coin says so.

    Of eta = (.9, .1) a turned decision costs .8, so that a share q of them is an excess of .8 q.
    """
    rng = np.random.default_rng([20260801, seed])
    study = Written(folder, np.tile([0.9, 0.1], (N, 1)), BAYES_RISK)

    def turned(risk: float) -> np.ndarray:
        share = (risk - BAYES_RISK) / 0.8
        return np.asarray(rng.random(N) < share, dtype=np.int64)

    for n in sizes:
        for number in range(num_seeds):
            risk = c + 1.6 * n**-0.6 * (1 + 0.05 * rng.standard_normal())
            classes = {"budget": turned(risk + 0.02), "converged": turned(risk)}
            study.add(classes=classes, num_train=n, seed=number)
    for number in range(restarts):
        study.add("limit", classes={"budget": turned(limit)}, num_train=20_000, seed=number)
    return study


def test_the_table_of_a_study(tmp_path: Path) -> None:
    levels = {"label_noise": [0.0], "imbalance": [0.8, 0.5]}
    rows = to_rows(build_learning_curves(_study(tmp_path).joined(levels), levels))
    shown = [(row["distortion"], row["level"]) for row in rows]
    assert shown == [("label_noise", 0), ("imbalance", 1)]
    row = rows[0]
    assert (row["num_sizes"], row["num_seeds"], row["bayes_risk"]) == (5, 6, BAYES_RISK)
    assert row["limit_risk"] == pytest.approx(0.14, abs=0.02)
    for name, truth in (("c", 0.14), ("b", 0.6), ("c_minus_limit", 0.0), ("rate", 0.6)):
        assert row[f"{name}_lo"] <= truth <= row[f"{name}_hi"], name
        assert row[f"{name}_lo"] <= row[name] <= row[f"{name}_hi"], name
    assert row["c_lo"] >= BAYES_RISK
    assert row["rate_hi"] - row["rate_lo"] < row["b_hi"] - row["b_lo"]
    assert row["rate_c"] == pytest.approx(row["limit_risk"], abs=0.01)
    assert row["boundary"] is None
    assert row["lack_of_fit_p"] > 0.01
    assert row["margin"] == 0.005
    # six seeds cannot say that c is within half a point of U_A
    assert row["equivalent"] is False


def test_c_at_the_bayes_risk_is_told(tmp_path: Path) -> None:
    """Curves that fall towards less than R*: c stays there, and says so."""
    study = _study(tmp_path, c=0.1)
    for record in study.records:  # of larger sizes, lower than the law lets any rule be
        record["metrics"]["bayes_risk"] = BAYES_RISK + 0.02
    (row,) = to_rows(build_learning_curves(study.joined(), {}))
    assert row["c"] == row["bayes_risk"] == pytest.approx(0.12)
    assert row["boundary"] == "c"
    assert row["c_lo"] == pytest.approx(0.12)


def test_few_sizes_have_the_anchored_rate_alone(tmp_path: Path) -> None:
    (row,) = to_rows(build_learning_curves(_study(tmp_path, sizes=SIZES[:3]).joined(), {}))
    assert row["num_sizes"] == 3
    assert row["rate_lo"] <= 0.6 <= row["rate_hi"]
    for name in ("c", "c_lo", "a", "b", "b_lo", "c_minus_limit", "equivalent", "lack_of_fit_p"):
        assert row[name] is None, name
    two = _study(tmp_path / "two", sizes=SIZES[:2])
    assert build_learning_curves(two.joined(), {}).empty
    alone = _study(tmp_path / "alone", sizes=SIZES[:3], restarts=0)
    assert build_learning_curves(alone.joined(), {}).empty


def test_what_cannot_be_known_is_null(tmp_path: Path) -> None:
    study = _study(tmp_path)
    (row,) = to_rows(build_learning_curves(study.without_decisions(), {}))
    (known,) = to_rows(build_learning_curves(study.joined(), {}))
    for name in ("c", "a", "b", "rate", "rate_c", "c_minus_limit"):
        assert row[name] == known[name]
    unknown = ("c_lo", "b_hi", "rate_lo", "c_minus_limit_hi", "equivalent", "lack_of_fit_p")
    assert all(row[name] is None for name in unknown)
    (row,) = to_rows(build_learning_curves(_study(tmp_path / "no", restarts=0).joined(), {}))
    assert row["c_lo"] is not None
    assert all(row[n] is None for n in ("limit_risk", "rate", "c_minus_limit", "equivalent"))
    (row,) = to_rows(build_learning_curves(_study(tmp_path / "one", num_seeds=1).joined(), {}))
    assert row["b"] is not None
    assert row["b_lo"] is None


def test_equivalence_is_shown_where_there_is_enough_to_show_it(tmp_path: Path) -> None:
    """c is within half a point of U_A, and then is not: many seeds and sizes."""
    sizes = (64, 256, 1024, 4096, 16384, 65536)
    for name, limit, expected in (("same", 0.14, True), ("other", 0.12, False)):
        study = _study(tmp_path / name, sizes=sizes, num_seeds=20, restarts=12, limit=limit)
        (row,) = to_rows(build_learning_curves(study.joined(), {}))
        assert row["equivalent"] is expected, (row["c_minus_limit_lo"], row["c_minus_limit_hi"])


def test_only_seeds_that_every_size_has(tmp_path: Path) -> None:
    study = _study(tmp_path)
    study.records = [r for r in study.records if (r["num_train"], r["seed"]) != (128, 5)]
    (row,) = to_rows(build_learning_curves(study.joined(), {}))
    assert row["num_seeds"] == 5
