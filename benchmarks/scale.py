"""What the driver costs where trials cost next to nothing: time and memory, by their number.

    python benchmarks/scale.py 1000 10000           # local studies of so many trials
    python benchmarks/scale.py 1000 --nodes 4       # on as many nodes of one CPU, on loopback
    python benchmarks/scale.py 50000 --alone        # our part of the driver, without Ray

A trial fits a classifier that learns nothing to 16 of 64 points, some 5 ms in its worker; all the
rest is what is measured. Then the finished study is resumed, and `study.status` asked.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from measuring import Usage, python, run_measured

STUDY = """
name = "scale"
families = ["nothing"]
depths = [1]
seeds = {seeds}
num_train = [16]
[[networks]]
name = "nothing"
path = "nothing.py:Nothing"
[[populations]]
name = "arrays"
path = "few.npz"
[search]
trials = 0
[training]
ideal = false
[limit]
restarts = 1
num_stream = [16]
"""
"""Two trials a seed: the measured one, and its limit on the same division of the points."""

NOTHING = '''
import numpy as np


class Nothing:
    """Learns nothing, and decides for nothing."""

    def __init__(self, **parameters):
        self.parameters = parameters

    def fit(self, inputs, labels):
        self.classes_ = np.unique(labels)
        return self

    def predict(self, inputs):
        return np.zeros(len(inputs), dtype=int)

    def predict_proba(self, inputs):
        return np.full((len(inputs), 2), 0.5)
'''


def main() -> None:
    """Prints a line for every number of trials."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trials", type=int, nargs="+")
    parser.add_argument("--nodes", type=int, default=0, help="of one CPU each; 0: a local study")
    parser.add_argument("--alone", action="store_true", help="our part of the driver, without Ray")
    options = parser.parse_args()
    print(
        f"{'trials':>8}{'ms each':>9}{'first':>8}{'last':>7}{'driver MB':>11}{'kB each':>9}"
        f"{'peak MB':>9}{'plan s':>8}{'resume s':>10}{'peak MB':>9}{'status s':>10}{'CPU s':>7}"
    )
    for num in options.trials:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            study, cluster = Path(folder), _cluster(options.nodes, Path(folder), stack)
            print(_line(num, study, cluster, alone=options.alone), flush=True)


def _line(num: int, folder: Path, cluster: list[str], *, alone: bool) -> str:
    (folder / "study.toml").write_text(STUDY.format(seeds=num // 2))
    (folder / "nothing.py").write_text(NOTHING)
    points = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")
    np.savez(folder / "few.npz", x=points, y=np.tile([0, 1], 32))
    ledger = folder / "results" / "scale" / "ledger"

    def held() -> float:
        return sum(segment.stat().st_size for segment in ledger.glob("*.jsonl"))

    command = python("-m", "study.run", str(folder / "study.toml"), "--no-dashboard")
    command += ["--results", str(folder / "results"), *cluster]
    first = python(__file__, "--driver", str(folder)) if alone else command
    run = run_measured(first, look=held)
    began = time.time()
    resumed = run_measured(command)
    planned_s = (folder / "results" / "scale" / "study.toml").stat().st_mtime - began
    status = run_measured(python("-m", "study.status", str(folder / "results" / "scale")))
    (begin, begin_mb), (early, _), (late, _), (end, end_mb) = (
        _reached(run, share, held()) for share in (1e-9, 0.2, 0.8, 1.0)
    )
    each, first_fifth, last_fifth = (
        1000 * seconds / (share * num)
        for seconds, share in ((end - begin, 1.0), (early - begin, 0.2), (end - late, 0.2))
    )
    return (
        f"{num:>8}{each:>9.1f}{first_fifth:>8.1f}{last_fifth:>7.1f}{end_mb:>11.0f}"
        f"{1000 * (end_mb - begin_mb) / num:>9.1f}{run.driver_mb:>9.0f}{planned_s:>8.1f}"
        f"{resumed.wall_s:>10.1f}{resumed.driver_mb:>9.0f}{status.wall_s:>10.1f}{status.cpu_s:>7.1f}"
    )


def _drive(folder: Path) -> None:
    """The driver's part of every trial but Tune's: plan, record, ledger, progress."""
    from rich.console import Console

    from study.engine.carrying import carry
    from study.engine.code import fingerprint
    from study.engine.proposals import Journal
    from study.engine.searcher import FINISHED, PlanSearcher
    from study.engine.session import Session
    from study.planning.preflight import check
    from study.planning.progress import ProgressLine
    from study.request.reading import read_spec, write_spec
    from study.storage.folder import FolderStore
    from study.storage.ledger import Ledger

    place = folder / "results" / "scale"
    store = FolderStore(place)
    with Ledger(place / "ledger").locked() as ledger:
        spec = carry(check(read_spec(str(folder / "study.toml"), [], None), None), store, place)
        write_spec(spec, place / "study.toml")
        progress = ProgressLine(spec, 2, Console(stderr=True))
        session = Session(
            spec=spec,
            store=store,
            ledger=ledger,
            records={},
            journal=Journal(place / "optuna.journal", spec),
            code=fingerprint(),
            on_change=lambda s: progress.show(s.records.values()),
        )
        searcher, number = PlanSearcher(session, None), 0
        while searcher.suggest(str(number)) != FINISHED:
            searcher.on_trial_complete(str(number), {"payload": json.dumps([PAYLOAD])})
            number += 1


PAYLOAD = {
    "status": "done",
    "error": None,
    "metrics": {
        **{"is_resplit": True, "num_available": 42, "num_test": 22, "wall_s": 0.008},
        **{"cpu_s": 0.008, "risk": 0.5, "risk_se": 0.1, "converged_risk": 0.5, "converged": True},
        **{"train_risk": 0.5, "final_train_risk": 0.5, "balanced_risk": 0.5},
    },
    "curves": [
        {"phase": "fit", "step": n, "epoch": 1.0, "train_loss": 0.69, "train_risk": 0.5}
        for n in range(1, 4)
    ],
    "node": "here",
}
"""What a worker says of a trial, much as it is here."""


def _reached(run: Usage, share: float, size: float) -> tuple[float, float]:
    """When the ledger had a share of its bytes, and what the driver held then, in MB."""
    return next((at, mb) for at, held, mb in run.seen if held >= max(1.0, share * size))


def _cluster(num_nodes: int, folder: Path, stack: ExitStack) -> list[str]:
    """Starts nodes on loopback; the arguments that name them."""
    if not num_nodes:
        return []
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.cluster.driving import cluster

    nodes = stack.enter_context(cluster(num_nodes, folder))
    return ["--cluster", "--address", nodes.address]


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if sys.argv[1] == "--driver":
        _drive(Path(sys.argv[2]))
    else:
        main()
