"""What the engine costs: the same real trials through it, two bare processes, and other engines.

    python benchmarks/sweep.py                              # floor and ours, 200 trials
    python benchmarks/sweep.py --ways floor ours tune --trials 40
    PYTHONPATH=DIR python benchmarks/sweep.py --ways ours syne_tune --trials 40   # `pip install
                                                  # --target DIR --no-deps syne-tune psutil dill`

A trial is a third of a second to a second of training and scoring on one thread. Every way starts
from nothing and ends with a table of its trials written; `ours` as a user types it, decisions,
exhibits and report included, and a second time is told when its table was there. A round runs all
ways one after the other.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from measuring import Usage, python, run_measured

HERE = Path(__file__).parent
SETTINGS = ("search.trials=0", "distortions={}")
BESIDES = 6
"""Trials of `smoke` that are not measured: streams for the best in class and for the limit."""
FIXED_S = 8.0
"""Seconds that the engine may cost whatever the study."""
WAYS = (
    *("floor", "ours", "ours_bare", "tune", "tune_reuse", "optuna"),
    *("syne_tune", "syne_tune_awake"),
)


def main() -> None:
    """Prints a line for every way, round by round, then the ratios to ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["floor", "ours"])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    print(f"{'':<12}{'wall s':>8}{'table s':>9}{'CPU s':>8}{'driver MB':>11}{'all MB':>8}")
    walls: dict[str, list[float]] = {way: [] for way in options.ways}
    for _ in range(options.rounds):
        for way in options.ways:
            usage, table_s = _measured(way, options.trials)
            walls[way].append(table_s)
            print(
                f"{way:<12}{usage.wall_s:>8.1f}{table_s:>9.1f}{usage.cpu_s:>8.1f}"
                f"{usage.driver_mb:>11.0f}{usage.all_mb:>8.0f}",
                flush=True,
            )
    median = {way: statistics.median(seconds) for way, seconds in walls.items()}
    if {"floor", "ours"} <= median.keys():
        beyond = (median["ours"] - FIXED_S) / median["floor"]
        print(f"(ours - {FIXED_S:g} s) / floor = {beyond:.2f}; ours - floor = ", end="")
        print(f"{median['ours'] - median['floor']:.1f} s")
    for way in [w for w in options.ways if "ours" in median and w not in ("floor", "ours")]:
        print(f"{way} / ours = {median[way] / median['ours']:.2f}")


def _measured(way: str, num_trials: int) -> tuple[Usage, float]:
    """What a way took, and after how many seconds its table was there."""
    settings = [*SETTINGS, f"seeds={(num_trials - BESIDES) // 2}"]
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "trials.parquet"
        if way.startswith("ours"):
            command = python("-m", "study.run", "smoke", "--results", folder)
            command += ["--no-dashboard"] if way == "ours_bare" else []
            for setting in settings:
                command += ["--set", setting]
            table = Path(folder) / "smoke" / "trials.parquet"
        else:
            tasks = Path(folder) / "tasks.json"
            tasks.write_text(json.dumps(_tasks(settings)))
            command = python(str(HERE / "sweep_ways.py"), way, str(tasks), str(table))
        usage = run_measured(
            command,
            look=lambda: float(table.exists()),
            environment={
                "OMP_NUM_THREADS": "1",
                "RAY_ADDRESS": "local",
                "PYTHONPATH": ":".join(filter(None, sys.path)),
            },
        )
        assert table.exists(), f"{way} wrote no table"
        return usage, next((at for at, there, _ in usage.seen if there), usage.wall_s)


def _tasks(settings: list[str]) -> list[str]:
    from study.planning.plan import next_trials
    from study.request.reading import read_spec
    from study.trials.trial import trial_to_json

    return [trial_to_json(trial) for trial in next_trials(read_spec("smoke", settings), [])]


if __name__ == "__main__":
    main()
