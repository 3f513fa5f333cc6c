"""What Prometheus and Ray's dashboard are told of a running study.

Every metric's name starts with `classcomp_`; Ray puts `ray_` before it, and gives it to
Prometheus on each node's metrics port. See docs/operations.md.
"""

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import astuple
from itertools import islice
from typing import Any, Protocol

from ray.tune import Callback
from ray.tune.experiment import Trial as TuneTrial
from ray.util.metrics import Counter as MetricCounter
from ray.util.metrics import Gauge, Histogram

from study.planning.forecast import Forecast
from study.request.spec import StudySpec
from study.storage.ledger import Record
from study.trials.roles import ROLES
from study.trials.tasks import task_of
from study.trials.trial import CELL_NAMES, TrialSpec, cell_of, title_of_seeds, trial_from_json

EVERY_S = 5.0
"""Seconds between two updates; Ray collects them every ten."""

SECONDS = [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000]
"""Upper ends of the histogram of a trial's seconds."""


_RISK_LABELS = ("task", *CELL_NAMES)
"""Of a risk besides the study: the task, which says its unit, and the cell."""


class Watched(Protocol):
    """What a sweep lets be seen of itself."""

    @property
    def records(self) -> Mapping[str, Record]:
        """What is finished, in the order in which it finished."""

    @property
    def in_flight(self) -> Collection[TrialSpec]:
        """What Tune has, running or next in line."""

    @property
    def num_waiting(self) -> int:
        """Trials that could start and have not been given to Tune."""

    @property
    def num_deaths(self) -> int:
        """Times a trial's worker or node died."""


class Metrics:
    """Gauges and counters of one study, with its name as a label."""

    def __init__(self, spec: StudySpec, num_slots: int) -> None:
        """Registers the metrics; needs a connected Ray."""
        self._study = {"study": spec.name}
        self._forecast = Forecast(spec)
        self._num_slots = num_slots
        self._seen = 0
        self._is_ours = False  # what is there at the first update, an earlier driver finished
        self._by_status: Counter[tuple[str, str]] = Counter()
        self._best: dict[tuple[str, tuple[str, ...]], float] = {}
        role, cell = ("study", "role"), ("study", *_RISK_LABELS)
        self._planned = Gauge("classcomp_trials_planned", "Trials of the study", role)
        self._trials = Gauge("classcomp_trials", "Finished trials", (*role, "status"))
        self._run = MetricCounter(
            "classcomp_trials_run", "Trials finished by this driver", (*role, "status")
        )
        self._seconds = Histogram("classcomp_trial_seconds", "Wall time of a trial", SECONDS, role)
        self._flying = Gauge("classcomp_trials_in_flight", "Trials given to Tune", role)
        self._waiting = Gauge("classcomp_trials_waiting", "Trials that could start", ("study",))
        self._slots = Gauge("classcomp_slots", "Trials that fit side by side", ("study",))
        self._deaths = Gauge("classcomp_deaths", "Deaths of a worker or node", ("study",))
        self._left = Gauge("classcomp_seconds_left", "Estimated time left", ("study",))
        self._risks = {
            "validation_risk": Gauge(
                "classcomp_best_validation_risk", "Least validation risk of a cell", cell
            ),
            "excess_risk": Gauge(
                "classcomp_best_excess_risk", "Least excess risk of a cell; none on real data", cell
            ),
        }

    def update(self, watched: Watched) -> None:
        """Takes in what is new since the last call, and says every gauge again.

        Ray forgets a gauge that nobody has set for two of its intervals, 20 s.
        """
        new = list(islice(watched.records.values(), self._seen, None))
        self._seen += len(new)
        for record in new:
            self._add(record)
        self._is_ours = True
        for (role, status), count in self._by_status.items():
            self._trials.set(count, {**self._study, "role": role, "status": status})
        for (name, cell), risk in self._best.items():
            tags = dict(zip(_RISK_LABELS, cell, strict=True))
            self._risks[name].set(risk, {**self._study, **tags})
        flying = Counter(trial.role for trial in watched.in_flight)
        records = list(watched.records.values())
        outlook = self._forecast.look(records, self._num_slots, time.time())
        for role, planned in outlook.totals.items():
            tags = {**self._study, "role": role}
            self._planned.set(planned, tags)
            self._flying.set(flying[role], tags)
        self._waiting.set(watched.num_waiting, self._study)
        self._slots.set(self._num_slots, self._study)
        self._deaths.set(watched.num_deaths, self._study)
        if outlook.seconds_left is not None:
            self._left.set(outlook.seconds_left, self._study)

    def _add(self, record: Record) -> None:
        role, status = record["role"], record["status"]
        self._by_status[role, status] += 1
        wall_s = record["metrics"].get("wall_s")
        if self._is_ours:
            self._run.inc(1, {**self._study, "role": role, "status": status})
        if self._is_ours and wall_s is not None:
            self._seconds.observe(wall_s, {**self._study, "role": role})
        if ROLES[role].is_in_grid:
            task = task_of(record.get("task")).name
            cell = (task, *map(_label, astuple(cell_of(record))))
            for name in self._risks:
                risk = record["metrics"].get(name)
                if risk is not None:
                    self._best[name, cell] = min(risk, self._best.get((name, cell), risk))


class MetricsCallback(Callback):
    """Keeps the metrics up to date from within Tune's loop, a few times a minute."""

    def __init__(self, metrics: Metrics, watched: Watched) -> None:
        """Watches a sweep."""
        self._metrics = metrics
        self._watched = watched
        self._updated = float("-inf")
        self._metrics.update(watched)

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        """Updates if the last time is long enough ago."""
        if time.monotonic() - self._updated >= EVERY_S:
            self._metrics.update(self._watched)
            self._updated = time.monotonic()

    def on_experiment_end(self, trials: list[TuneTrial], **info: Any) -> None:
        """The last word."""
        self._metrics.update(self._watched)


class TaskNames(Callback):
    """Names each trial's tasks on the dashboard after its cell and role.

    An actor that is used again keeps its own name for ever, and Tune calls its `train` without
    one: so the handle gets a `train` that carries one. Not the trial's own: Ray keeps every name
    that it has heard, and 17 kB with it.
    """

    def on_trial_start(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any
    ) -> None:
        """Replaces the handle's `train`, the one before it taken off first."""
        name = title_of_seeds(trial_from_json(trial.config["trials"][0]).identity)
        actor = trial.temporary_state.ray_actor
        vars(actor).pop("train", None)
        actor.train = actor.train.options(name=name)


def _label(value: Any) -> str:
    """Of what is None an empty one, which is none to Prometheus."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
