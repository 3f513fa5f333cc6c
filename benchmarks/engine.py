"""What the engine costs: a study through Ray Tune against the same trials in bare processes.

The floor is a pool of as many processes as there are cores and a list of trials. Prints wall
seconds of each round and the ratio engine / floor.
"""

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time

from study.planning.plan import next_trials
from study.request.reading import read_spec
from study.trials.trial import TrialSpec, trial_from_json, trial_to_json

STUDY = "smoke"
SETTINGS = ["search.trials=0", "distortions={}"]


def run_trial(text: str) -> None:
    """Runs one trial in a bare process."""
    import torch

    from classcomp.experiment import run

    torch.set_num_threads(1)
    run(trial_from_json(text))


def time_floor(trials: list[TrialSpec]) -> float:
    """Seconds for the trials in one process a core."""
    begin = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        pool.map(run_trial, [trial_to_json(trial) for trial in trials], chunksize=1)
    return time.perf_counter() - begin


def time_engine(settings: list[str]) -> float:
    """Seconds for the same study as a user types it, tables and report included."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "study.run", STUDY, "--results", folder]
        for setting in settings:
            command += ["--set", setting]
        begin = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - begin


def main() -> None:
    """Prints a line a round, then the median ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=20, help="four trials each; default: 20")
    options = parser.parse_args()
    settings = [*SETTINGS, f"seeds={options.seeds}"]
    trials = next_trials(read_spec(STUDY, settings), [])
    ratios = []
    for _ in range(options.rounds):
        floor, engine = time_floor(trials), time_engine(settings)
        ratios.append(engine / floor)
        print(
            f"{len(trials)} trials: floor {floor:.1f} s, engine {engine:.1f} s, "
            f"ratio {ratios[-1]:.2f}"
        )
    print(f"median ratio {statistics.median(ratios):.2f}, minimum {min(ratios):.2f}")


if __name__ == "__main__":
    main()
