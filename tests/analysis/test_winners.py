"""The hyperparameters of each independent search, and the seeds that were measured with them."""

from typing import Any

from study.analysis.frames import Row, to_rows
from study.analysis.joined import join
from study.analysis.table import build_trials
from study.analysis.winners import build_winners
from study.trials.trial import IDENTITY_VERSION
from tests.analysis.conftest import make_record


def row(role: str, seed: int, rate: float, **more: Any) -> dict[str, Any]:
    known = {"trial_id": f"{role}{seed}", "finished_at": f"2026-01-01T00:00:{seed % 60:02d}Z"}
    held = {"seed": seed, "hyperparameters": {"learning_rate": rate}, **known, **more}
    if held.get("family") == "vgg":
        held["trial_id"] = f"vgg{seed}"
    return {**make_record(role, **held), "schema": IDENTITY_VERSION}


def winners(*records: dict[str, Any]) -> list[Row]:
    return to_rows(build_winners(join(build_trials(records, {}))))


def test_each_search_has_a_row_with_the_seeds_that_took_its_winner() -> None:
    found = winners(
        row("search", 0, 0.1, validation_risk=0.30),
        row("search", 1, 0.2, validation_risk=0.25),
        row("search", 10_000, 0.3, validation_risk=0.35),
        row("search", 10_001, 0.2, status="stopped"),
        row("search", 20_000, 0.4, validation_risk=0.20),
        row("search", 20_001, 0.5, status="failed"),
        *(row("measure", seed, (0.2, 0.3, 0.4)[seed % 3]) for seed in range(7)),
    )
    names = ("repeat", "hp_learning_rate", "validation_risk", "trial_id", "num_proposals")
    assert [[one[name] for name in names] for one in found] == [
        [0, 0.2, 0.25, "search1", 2],
        [1, 0.3, 0.35, "search10000", 2],
        [2, 0.4, 0.20, "search20000", 2],
    ]
    assert [(one["num_stopped"], one["num_failed"]) for one in found] == [(0, 0), (1, 0), (0, 1)]


def test_a_family_without_a_search_has_one_row_beside_others_with_three() -> None:
    fixed = [row("measure", seed, 0.003, family="vgg") for seed in range(4)]
    found = winners(
        *fixed,
        *(row("search", 10_000 * r, r / 10, validation_risk=0.1) for r in range(3)),
        *(row("measure", seed, seed % 3 / 10) for seed in range(4)),
    )
    assert [(one["family"], one["repeat"], one["is_searched"]) for one in found] == [
        ("linear", 0, True),
        ("linear", 1, True),
        ("linear", 2, True),
        ("vgg", 0, False),
    ]


def test_what_was_measured_last_counts() -> None:
    """A winner that was outdone later: its measured trials are of an earlier state."""
    (found,) = winners(
        row("search", 0, 0.1, validation_risk=0.3),
        row("search", 1, 0.2, validation_risk=0.2),
        row("measure", 0, 0.1, trial_id="old", finished_at="2026-01-01T00:00:00"),
        row("measure", 0, 0.2, trial_id="new", finished_at="2026-01-02T00:00:00"),
    )
    assert (found["hp_learning_rate"], found["trial_id"]) == (0.2, "search1")
