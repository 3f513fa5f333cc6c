"""Other engines than ours, for `sweep.py`: each runs a list of trials and writes a table.

python benchmarks/sweep_ways.py WAY TASKS.json TABLE.parquet
"""

import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

CPUS = os.cpu_count() or 1
Row = dict[str, Any]


def run_trial(text: str) -> Row:
    """One trial on one thread; its row."""
    import torch

    from classcomp.experiment import Experiment
    from study.engine.handover import to_trial
    from study.trials.trial import trial_from_json

    torch.set_num_threads(1)
    spec = trial_from_json(text)
    experiment = Experiment(to_trial(spec, ""))
    while not experiment.finished:
        experiment.advance()
    return {**spec.cell.known, "seed": spec.seed, **experiment.outcome.metrics}


def floor(tasks: list[str]) -> list[Row]:
    """As many processes as there are cores, and a list."""
    with multiprocessing.get_context("spawn").Pool(CPUS) as pool:
        return pool.map(run_trial, tasks, chunksize=1)


def tune(tasks: list[str], **settings: Any) -> list[Row]:
    """Ray Tune with a function, as its first page has it."""
    import ray.tune

    def train(config: dict[str, Any]) -> None:
        row = run_trial(config["task"])
        ray.tune.report({"risk": row["risk"], "row": json.dumps(row)})

    with tempfile.TemporaryDirectory() as folder:
        found = ray.tune.Tuner(
            train,
            param_space={"task": ray.tune.grid_search(tasks)},
            tune_config=ray.tune.TuneConfig(**settings),
            run_config=ray.tune.RunConfig(storage_path=folder, verbose=1),
        ).fit()
        return [json.loads(result.metrics["row"]) for result in found]


def tune_reuse(tasks: list[str]) -> list[Row]:
    """The same with actors that are used again."""
    return tune(tasks, reuse_actors=True)


def optuna(tasks: list[str]) -> list[Row]:
    """Optuna's advice for several processes: a study in SQLite, which each of them opens.

    A trial's task is that of its number: of trials that are enqueued two processes now and then get
    the same one, and the slower ends with an error (130 of 200, Optuna 5.0).
    """
    import optuna

    with tempfile.TemporaryDirectory() as folder:
        place = f"sqlite:///{folder}/study.db"
        study = optuna.create_study(study_name="sweep", storage=place)
        share = -(-len(tasks) // CPUS)
        context = multiprocessing.get_context("spawn")
        workers = [
            context.Process(target=_optimize, args=(place, tasks, share)) for _ in range(CPUS)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return [trial.user_attrs["row"] for trial in study.get_trials() if trial.user_attrs]


def _optimize(place: str, tasks: list[str], num: int) -> None:
    import optuna

    def objective(trial: optuna.Trial) -> float:
        row = run_trial(tasks[trial.number % len(tasks)])
        trial.set_user_attr("row", row)
        return float(row["risk"])

    optuna.load_study(study_name="sweep", storage=place).optimize(objective, n_trials=num)


def syne_tune(tasks: list[str], **settings: Any) -> list[Row]:
    """Syne Tune's local backend: a script of its own for every trial."""
    from syne_tune import StoppingCriterion, Tuner
    from syne_tune.backend import LocalBackend
    from syne_tune.config_space import randint
    from syne_tune.experiments import load_experiment
    from syne_tune.optimizer.baselines import RandomSearch

    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "one.py"
        script.write_text(ONE.format(here=str(Path(__file__).parent), tasks=sys.argv[2]))
        space = {"number": randint(0, len(tasks) - 1)}
        points = [{"number": number} for number in range(len(tasks))]
        tuner = Tuner(
            trial_backend=LocalBackend(entry_point=str(script)),
            scheduler=RandomSearch(
                space, metrics=["risk"], do_minimize=True, points_to_evaluate=points
            ),
            stop_criterion=StoppingCriterion(max_num_trials_finished=len(tasks)),
            n_workers=CPUS,
            save_tuner=False,
            **settings,
        )
        tuner.run()
        return list(load_experiment(tuner.name).results.to_dict("records"))


def syne_tune_awake(tasks: list[str]) -> list[Row]:
    """The same, looking for finished trials ten times a second and not every five."""
    return syne_tune(tasks, sleep_time=0.1)


ONE = """
import argparse, json, sys
sys.path.insert(0, {here!r})
from syne_tune import Reporter
from sweep_ways import run_trial
parser = argparse.ArgumentParser()
parser.add_argument("--number", type=int)
options, _ = parser.parse_known_args()
row = run_trial(json.load(open({tasks!r}))[options.number])
Reporter()(risk=row["risk"], **{{k: v for k, v in row.items() if k != "risk"}})
"""

WAYS: dict[str, Callable[[list[str]], list[Row]]] = {
    way.__name__: way for way in (floor, tune, tune_reuse, optuna, syne_tune, syne_tune_awake)
}


def main() -> None:
    """Runs one way."""
    import pandas as pd

    way, tasks, table = sys.argv[1:]
    asked = json.loads(Path(tasks).read_text())
    rows = WAYS[way](asked)
    assert len(rows) >= len(asked), f"{way}: {len(rows)} rows of {len(asked)} trials"
    beside = Path(table).with_suffix(".part")
    pd.DataFrame(rows).to_parquet(beside)
    beside.rename(table)


if __name__ == "__main__":
    main()
