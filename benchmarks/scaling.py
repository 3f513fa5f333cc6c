"""Where a driver meets its first wall as a cluster grows: a discrete-event run of a whole study.

Plan, searcher, proposals, ledger, journal and progress line are the real ones, and take the time
that they take; workers are simulated, on a clock that costs nothing. A result waits while the
driver is busy, and its slot with it: the share of slot seconds that trials got is what is left of a
cluster. Some trials fail, some die with their node and start again, some take ten times as long.
Ray and Tune are not in it: `--tune-ms` adds what a trial costs them, as `scale.py` measures it.
"""

import argparse
import gc
import heapq
import io
import json
import math
import random
import resource
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console

from study.engine import searcher as searching
from study.engine.proposals import Journal, quieten
from study.engine.searcher import FINISHED, PlanSearcher
from study.engine.session import Session
from study.planning.forecast import Forecast
from study.planning.plan import is_complete, total_by_role
from study.planning.progress import ProgressLine, duration
from study.request.reading import read_spec
from study.request.spec import StudySpec
from study.storage.folder import FolderStore
from study.storage.ledger import Ledger
from study.trials.roles import ROLES
from study.trials.trial import TrialSpec

FAMILIES, DEPTHS = ("linear", "vgg", "resnet", "unet"), (1, 2, 3)
FAIL, DIE, STRAGGLE, STOP = 0.002, 0.001, 0.01, 0.6
"""Shares: of trials that raise, that die with their node, that take ten times as long; of proposals
that ASHA stops."""
NUM_POINTS = 20
"""Of a trial's curve."""
RUNNING, ENDED, DIED = "running", "ended", "died"


@dataclass
class Clock:
    """The simulated time, and when the driver, which does one thing at a time, is free again.

    Attributes:
        now: seconds since the study began.
        spent: seconds of the driver, by what it did.
    """

    now: float = 0.0
    spent: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def driver(self, part: str) -> Iterator[None]:
        """The driver does this: the clock goes on by the processor time that it takes."""
        begin = time.process_time()
        yield
        self.spend(part, time.process_time() - begin)

    def spend(self, part: str, seconds: float) -> None:
        """The driver is busy for so long."""
        self.spent[part] += seconds
        self.now += seconds

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """A call inside of what `driver` times: told apart, not counted twice."""

        def inner(*arguments: Any, **named: Any) -> Any:
            begin = time.process_time()
            try:
                return call(*arguments, **named)
            finally:
                self.spent[part] += time.process_time() - begin

        return inner

    def waited(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """A call that waits, as for a disk: the clock goes on by that, too."""

        def inner(*arguments: Any, **named: Any) -> Any:
            begin, worked = time.perf_counter(), time.process_time()
            try:
                return call(*arguments, **named)
            finally:
                worked = time.process_time() - worked
                self.spend(part, max(0.0, time.perf_counter() - begin - worked))

        return inner


def study_of(num_trials: int, num_proposals: int) -> StudySpec:
    """A study of about so many trials: cells and seeds grow alike, as the root of it."""
    num_sizes = max(1, round(1.5 * math.sqrt(num_trials) / len(FAMILIES) / len(DEPTHS)))
    cells = num_sizes * len(FAMILIES) * len(DEPTHS)
    seeds = max(2, round(num_trials / cells - num_proposals))
    settings = [
        f"families={list(FAMILIES)}",
        f"depths={list(DEPTHS)}",
        f"num_train={list(range(64, 64 + num_sizes))}",
        "distortions={}",
        f"seeds={seeds}",
        f"search.trials={num_proposals}",
        "training={budget_steps=100, max_steps=3000}",
    ]
    return read_spec("smoke", [setting.replace("'", '"') for setting in settings])


def result_of(trial: TrialSpec, rng: random.Random, seconds: float) -> dict[str, Any]:
    """What a worker sends back, as large as a real one."""
    status = "done"
    if rng.random() < FAIL:
        status = "failed"
    elif ROLES[trial.role].is_searched and rng.random() < STOP:
        status = "stopped"
    risk = rng.random() / 2
    names = ("risk", "excess_risk", "validation_risk", "selection_risk", "converged_risk")
    names += ("train_risk", "cross_entropy", "calibration_error", "balanced_risk", "noisy_risk")
    metrics = {name: risk + rng.random() / 100 for name in names}
    metrics |= {"wall_s": seconds, "cpu_s": seconds, "steps": 900, "examples_seen": 28_800}
    curves = [
        {
            "phase": "budget",
            "step": 5 * place,
            "epoch": place / 4,
            "train_loss": rng.random(),
            "train_risk": rng.random(),
            "validation_risk": rng.random(),
            "risk": None,
            "risk_se": None,
            "gradient_norm": rng.random(),
            "wall_s": seconds * place / NUM_POINTS,
        }
        for place in range(1, NUM_POINTS + 1)
    ]
    error = "ValueError: simulated" if status == "failed" else None
    payload = {"status": status, "error": error, "metrics": metrics, "curves": curves}
    return {"payload": json.dumps([{**payload, "node": f"node-{rng.randrange(1000)}"}])}


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is simulated.

    Attributes:
        num_trials: about.
        num_proposals: of each cell's search.
        num_slots: of the cluster.
        mean_s: of a trial.
        tune_s: of Ray and Tune, for a trial.
        waits: whether the wait for the disk counts.
        seed: of what is drawn.
    """

    num_trials: int
    num_proposals: int
    num_slots: int
    mean_s: float
    tune_s: float
    waits: bool
    seed: int = 0


def simulate(run: Run, folder: Path) -> None:
    """Runs a study to its end and prints where the driver's time went."""
    spec, clock, rng = study_of(run.num_trials, run.num_proposals), Clock(), random.Random(run.seed)
    planned = sum(total_by_role(spec).values())
    before = peak_bytes()
    ledger = Ledger(folder / "ledger")
    with ledger.locked():
        progress = ProgressLine(spec, run.num_slots, Console(file=io.StringIO()))
        journal = Journal(folder / "optuna.journal", spec)
        session = Session(
            spec=spec,
            store=FolderStore(folder),
            ledger=ledger,
            records={},
            journal=journal,
            code="simulated",
            on_change=clock.timed("  progress", lambda s: progress.show(s.records.values())),
        )
        append = clock.waited("disk", ledger.append) if run.waits else ledger.append
        ledger.append = clock.timed("  ledger", append)  # type: ignore[method-assign]
        journal.add = clock.timed("  journal", journal.add)  # type: ignore[method-assign]
        searching.propose = clock.timed("  proposals", searching.propose)
        searcher = PlanSearcher(session, None)
        ideal_s, by_tenth = events(run, searcher, clock, rng)
    tell(run, planned, clock, ideal_s, by_tenth)
    num = len(session.records)
    held_b = peak_bytes() - before
    size = sum(path.stat().st_size for path in (folder / "ledger").iterdir())
    print(
        f"  memory {(before + held_b) / 2**20:,.0f} MB at its peak, {held_b / num / 1000:.1f} kB a "
        f"trial; ledger {size / num / 1000:.1f} kB a trial, {size / 2**20:,.0f} MB"
    )
    begin = time.process_time()
    records, _ = Ledger(folder / "ledger").read()
    read = time.process_time()
    assert is_complete(spec, records), "every trial of the plan has run"
    planned_again = time.process_time()
    Forecast(spec).look(records, run.num_slots, None)
    shares = [read - begin, planned_again - read, time.process_time() - planned_again]
    read_ms, plan_ms, look_ms = (1000 * seconds / num for seconds in shares)
    print(
        f"  once more    {read_ms:8.3f} ms a trial to read the ledger, {plan_ms:.3f} to plan, "
        f"{look_ms:.3f} to look ahead"
    )


def events(
    run: Run, searcher: PlanSearcher, clock: Clock, rng: random.Random
) -> tuple[float, list[float]]:
    """Runs everything.

    Returns:
        Slot seconds that trials took, and the driver's seconds after each tenth of them.
    """
    events_: list[tuple[float, int, str, str]] = []
    waiting: deque[str] = deque()
    free, number, finished, worked = run.num_slots, 0, 0, 0.0
    by_tenth, tenth = [0.0], max(1, run.num_trials // 10)
    takes: dict[str, float] = {}
    is_over = False
    while True:
        # As Tune does: as many again wait, so that a slot that falls free is taken at once.
        while not is_over and len(waiting) < run.num_slots:
            name = f"{number:08x}"
            with clock.driver("suggest"):
                config = searcher.suggest(name)
            if config is None or config == FINISHED:
                is_over = config == FINISHED
                break
            number += 1
            takes[name] = rng.lognormvariate(math.log(run.mean_s) - 0.125, 0.5)
            takes[name] *= 10 if rng.random() < STRAGGLE else 1
            waiting.append(name)
        while free and waiting:
            name = waiting.popleft()
            dies, lasts = rng.random() < DIE, takes[name]
            lasts *= rng.random() if dies else 1.0
            worked += lasts
            heapq.heappush(events_, (clock.now + lasts, number, DIED if dies else ENDED, name))
            free -= 1
        if not events_:
            return worked, by_tenth
        due, _, what, name = heapq.heappop(events_)
        clock.now = max(clock.now, due)  # where the driver is late, the slot waits for it
        free += 1
        clock.spend("tune", run.tune_s)
        if what == DIED:
            searcher.deaths[name].append("simulated: its node died")
            waiting.appendleft(name)
            continue
        result = result_of(searcher.flights[name][0], rng, takes.pop(name))
        with clock.driver("result"):
            searcher.on_trial_complete(name, result)
        is_over = False
        finished += 1
        if finished % tenth == 0:
            by_tenth.append(sum(s for part, s in clock.spent.items() if part[0] != " "))


def tell(run: Run, planned: int, clock: Clock, worked: float, by_tenth: list[float]) -> None:
    """Prints a run's table."""
    whole = sum(seconds for part, seconds in clock.spent.items() if part[0] != " ")
    asks = run.num_slots / run.mean_s
    print(
        f"{planned:,} trials, {run.num_proposals} proposals a cell, {run.num_slots:,} slots, "
        f"{run.mean_s:g} s a trial: {asks:.1f} trials a second asked for, the driver can "
        f"{planned / whole:.1f}"
    )
    shown = duration(clock.now)
    print(f"  {shown} of simulated time, trials got {worked / run.num_slots / clock.now:.1%} of it")
    for part in (
        "suggest",
        "  proposals",
        "result",
        "  ledger",
        "  journal",
        "  progress",
        "disk",
        "tune",
    ):
        print(f"  {part:<12} {1000 * clock.spent[part] / planned:8.3f} ms a trial")
    each = [1000 * (b - a) * 10 / planned for a, b in pairwise(by_tenth)]
    print(
        f"  whole        {1000 * whole / planned:8.3f} ms a trial: {each[0]:.3f} in the first "
        f"tenth, {each[-1]:.3f} in the last"
    )


def peak_bytes() -> int:
    """Of this process, so far."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--proposals", type=int, default=0, help="of each cell's search")
    parser.add_argument("--nodes", type=int, default=1_000, help="of two cores; default: 1,000")
    parser.add_argument("--seconds", type=float, default=60.0, help="of a trial; default: 60")
    parser.add_argument("--tune-ms", type=float, default=0.0, help="of Ray and Tune for a trial")
    parser.add_argument(
        "--disk",
        action="store_true",
        help="count the wait for the ledger's disk, on a machine with nothing else to do",
    )
    parser.add_argument("--folder", help="where the ledger is written; default: a temporary one")
    options = parser.parse_args()
    quieten()
    gc.freeze()
    run = Run(
        num_trials=options.trials,
        num_proposals=options.proposals,
        num_slots=2 * options.nodes,
        mean_s=options.seconds,
        tune_s=options.tune_ms / 1000,
        waits=options.disk,
    )
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        simulate(run, Path(folder))


if __name__ == "__main__":
    main()
