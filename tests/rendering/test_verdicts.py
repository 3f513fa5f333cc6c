"""Who errs least at each n, by how much less than the next, and what both cost."""

from study.analysis.columns import COMPARISON_COLUMNS
from study.analysis.frames import typed_frame
from study.analysis.table import build_trials
from study.rendering.costs import costs
from study.rendering.verdicts import verdicts_by_size
from tests.rendering.conftest import cell_row, landscape_frame, make_record

CELL = {"scope": "cell", "population": "xor(sigma=0.5)", "depth": 1, "num_train": 128}
PLAIN = {**CELL, "distortion": "none", "severity": 0.0, "num_pairs": 5}


def test_the_best_and_the_next_at_each_n() -> None:
    risks = {("vgg", 128): 0.2, ("linear", 128): 0.1, ("unet", 128): 0.15}
    risks |= {("vgg", 512): 0.05, ("linear", 512): 0.08}
    rows = [cell_row(name, num_train=n, risk=risk) for (name, n), risk in risks.items()]
    noisy = cell_row("vgg", level=1, severity=0.2, risk=0.01)
    pairs = typed_frame(
        [
            {
                **PLAIN,
                "first": "linear",
                "second": "unet",
                "difference": -0.05,
                "difference_lo": -0.07,
                "difference_hi": -0.03,
                "significant": True,
            },
            {**PLAIN, "first": "linear", "second": "vgg", "difference": -0.1},
            {
                **PLAIN,
                "num_train": 512,
                "first": "linear",
                "second": "vgg",
                "difference": 0.03,
                "difference_lo": -0.01,
                "difference_hi": 0.07,
                "significant": False,
            },
        ],
        COMPARISON_COLUMNS,
    )
    trials = build_trials(
        [
            make_record(family="linear", distortion="none", num_train=128, seed=s, cpu_s=2.0 + s)
            for s in range(2)
        ],
        {},
    )
    ((task, found),) = verdicts_by_size(landscape_frame(*rows, noisy), pairs, trials)
    assert task.title == ""
    first, second = found
    assert (first.num_train, first.best, first.rest, first.risk) == (128, "linear", "unet", "10.00")
    assert (first.difference, first.interval) == ("5.00", "[3.00, 7.00]")
    assert (first.is_significant, first.seconds, first.rest_seconds) == (True, 2.5, None)
    assert (second.num_train, second.best, second.rest) == (512, "vgg", "linear")
    assert (second.difference, second.interval) == ("3.00", "[-1.00, 7.00]")
    assert second.is_significant is False


def test_one_family_has_no_verdict() -> None:
    rows = landscape_frame(cell_row("vgg", risk=0.2))
    assert verdicts_by_size(rows, typed_frame([], COMPARISON_COLUMNS), build_trials([], {})) == []


def test_what_trials_have_cost() -> None:
    records = [
        make_record(seed=0, cpu_s=2.0, wall_s=3.0),
        make_record(seed=1, cpu_s=5.0),
        make_record("search", "stopped", seed=2),
        make_record("search", "failed", seed=3, wall_s=1.0),
    ]
    measured, searched = costs(build_trials(records, {}))
    assert (measured.role, measured.counts) == ("measure", {"done": 2, "stopped": 0, "failed": 0})
    assert (measured.cpu_s, measured.wall_s) == (7.0, 3.0)
    assert searched.counts == {"done": 0, "stopped": 1, "failed": 1}
    assert (searched.cpu_s, searched.wall_s) == (None, 1.0)
