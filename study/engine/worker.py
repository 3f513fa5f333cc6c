"""What runs inside a Ray worker: an experiment, or seeds of it together, in an actor used again.

torch is imported when a worker is set up, and not with this module: the driver needs the class's
name only.
"""

import io
import json
import math
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from ray.tune import PlacementGroupFactory, Trainable

from classcomp.wording import one_line
from study.engine import checkpoints
from study.engine.handover import opened, to_trial
from study.engine.memory import keep_freed_memory
from study.storage.store import StorageError, Store
from study.trials.decisions import FOLDER, law_key, pack
from study.trials.exhibits import FOLDER as EXHIBITS
from study.trials.exhibits import PLANE, corruption_exhibit, law_exhibit, samples_exhibit
from study.trials.roles import ROLES
from study.trials.trial import CORRUPTIONS, TrialSpec, trial_from_json

if TYPE_CHECKING:
    from classcomp.cohort import Cohort
    from classcomp.experiment import Experiment

LONGEST_MESSAGE = 500
"""Characters of what an exception says that a row keeps."""
SLICE_S = 5.0
"""Seconds between two signs of life of a trial nobody needs to decide about."""
RULES = ("budget", "converged")
"""Arrays of classes among what a rule decides, which are packed."""
PAUSES_S = (1.0, 4.0)
"""Before decisions are written once more to a place that did not take them."""
UNKEPT = "unkept"
"""Status of a result that is none, since its decisions are not kept; never one of a record."""

_WRITTEN_LAWS: set[tuple[str, str]] = set()


class UnkeptError(Exception):
    """The study's place does not take what a trial's rules decide; its cause says why."""


class TrialActor(Trainable):
    """Tune's class interface around `classcomp.cohort.Cohort`.

    A result is `{"payload": JSON, "report", "validation_risk", "done"}`, the payload a list with an
    entry for each trial. An exception of an experiment is a result too: a failed trial is a row of
    the table, and the actor lives on.
    """

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> PlacementGroupFactory:
        """What it occupies.

        `ray.tune.with_resources` would make a class that nobody can import, so that Tune unpickles
        another one for each trial, and Ray keeps them all.
        """
        return PlacementGroupFactory([{"CPU": config["cpus"], "GPU": config["gpus"]}])

    def setup(self, config: dict[str, Any]) -> None:
        """Takes the first trials."""
        import torch

        torch.set_num_threads(max(1, math.floor(config["cpus"])))
        keep_freed_memory()
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next trials: one of a search, any number that differ in their seeds alone."""
        self._address: str = new_config["store"]
        self._specs = [trial_from_json(trial) for trial in new_config["trials"]]
        self._role = ROLES[self._specs[0].role]
        self._data_dir: str | None = new_config["data_dir"]
        self._cohort: Cohort | None = None
        self._report = 0
        return True

    def step(self) -> dict[str, Any]:
        """One report of a search trial; of any other as much as fits into a few seconds."""
        try:
            return self._advance()
        except Exception as error:
            return self._result([_failed(error) for _ in self._specs])

    def _advance(self) -> dict[str, Any]:
        from classcomp.cohort import Cohort

        if self._cohort is None:
            self._cohort = Cohort(map(self._taken_up, self._specs))
            self._saved = time.monotonic()
        cohort, is_search, begin = self._cohort, self._role.is_searched, time.monotonic()
        # A search that was taken up reports what was before it again: its ASHA may be new.
        while not cohort.finished and not (is_search and self._is_report_due):
            cohort.advance()
            self._save_if_due(cohort)
            if not is_search and time.monotonic() - begin > SLICE_S:
                break
        self._report = min(self._report + is_search, len(self._risks))
        is_failed = len(cohort.errors) == len(self._specs)
        is_heard = not is_search or len(self._risks) == self._report
        if not cohort.finished or not (is_heard or is_failed):
            return self._result([{"status": "running"} for _ in self._specs])
        result = self._result([self._ended(place) for place in range(len(self._specs))])
        for spec, experiment in zip(self._specs, cohort.experiments, strict=True):
            if experiment.finished:  # looking is no part of what it costs; the clock has been read
                self._keep_exhibits(spec, experiment)
        return result

    def _ended(self, place: int) -> dict[str, Any]:
        """How a trial's experiment ended, what it decided kept."""
        assert self._cohort is not None, "it has ended"
        try:
            if place in self._cohort.errors:
                raise self._cohort.errors[place]
            self._keep_decisions(self._specs[place], self._cohort.experiments[place])
        except UnkeptError as unkept:
            cause = unkept.__cause__
            errno = getattr(cause, "errno", None)
            return {**_failed(cause or unkept), "status": UNKEPT, "errno": errno}
        except Exception as error:
            return _failed(error)
        return {"status": "done"}

    @property
    def _is_report_due(self) -> bool:
        """Whether there is one to make; the last is made together with the result."""
        is_last = self._report + 1 >= self._specs[0].budget.num_reports
        return not is_last and self._report < len(self._risks)

    @property
    def _risks(self) -> list[float]:
        """Validation risks of a search so far, one for each report."""
        if self._cohort is None or not self._role.is_searched:
            return []
        curves = self._cohort.experiments[0].outcome.curves
        known = [p.validation_risk for p in curves if p.validation_risk is not None]
        return known[: self._specs[0].budget.num_reports]

    def _taken_up(self, spec: TrialSpec) -> "Experiment":
        """The experiment from its checkpoint, where an attempt before this one left one."""
        from classcomp.experiment import Experiment

        trial = to_trial(spec, self._address)
        with suppress(Exception):  # a damaged checkpoint costs a repetition, not the trial
            state = checkpoints.read_checkpoint(opened(self._address), spec.trial_id)
            if state is not None:
                experiment = Experiment(trial, data_dir=self._data_dir)
                experiment.load_state_dict(state)
                return experiment
        return Experiment(trial, data_dir=self._data_dir)

    def _save_if_due(self, cohort: "Cohort") -> None:
        if cohort.finished or time.monotonic() - self._saved < checkpoints.EVERY_S:
            return
        with suppress(StorageError):  # the trials go on without
            store = opened(self._address)
            for place, experiment in enumerate(cohort.experiments):
                if place not in cohort.errors:
                    state = experiment.state_dict()
                    checkpoints.write_checkpoint(store, self._specs[place].trial_id, state)
        self._saved = time.monotonic()

    def _keep_decisions(self, spec: TrialSpec, experiment: "Experiment") -> None:
        """Writes what the trial's rules did, and once for each law what decisions are held against.

        Intervals are made of them: a result without is none. A set that is divided anew for every
        seed has no evaluation sample that rules share, and intervals of another kind. Classes are
        packed; what else is kept, such as the terms of another risk, is written as it comes, with
        the examples' classes, and needs no law: what a class costs is known of a divided set too.

        Raises:
            UnkeptError: the study's place does not take them.
        """
        if not self._role.keeps_decisions:
            return
        kept = dict(experiment.decisions)
        decided = [name for name in RULES if name in kept]
        if not kept or (decided and experiment.outcome.metrics.get("is_resplit")):
            return
        law = experiment.law if decided else {}
        kept |= {} if decided else experiment.classes
        kept |= {name: pack(kept[name], int(law["num_classes"])) for name in decided}
        try:
            store = opened(self._address)
            if decided:
                self._keep_law(store, spec, law)
            _write_patiently(store, f"{FOLDER}/{spec.trial_id}.npz", kept)
        except (OSError, StorageError) as error:
            raise UnkeptError from error

    def _keep_law(self, store: Store, spec: TrialSpec, law: Mapping[str, Any]) -> None:
        name = f"{FOLDER}/law-{law_key(spec.cell)}.npz"
        if (self._address, name) not in _WRITTEN_LAWS and store.read(name) is None:
            _write_patiently(store, name, law)
        _WRITTEN_LAWS.add((self._address, name))

    def _keep_exhibits(self, spec: TrialSpec, experiment: "Experiment") -> None:
        """Writes what is worth looking at, of the first measured trial of a cell.

        Of the others that alone of which a mean over seeds is told. What is the law's alone is
        written by the first trial that is shown beside it.
        """
        if not self._role.is_measured:
            return
        store, kind = opened(self._address), spec.cell.distortion
        is_first = spec.seed == 0
        # A picture less: the result is there, and counts.
        with suppress(Exception):
            arrays = experiment.exhibits(is_first=is_first)
            if arrays:
                store.write(f"{EXHIBITS}/{spec.trial_id}.npz", _packed(arrays))
            name = f"{EXHIBITS}/{law_exhibit(spec.cell)}.npz"
            if PLANE in arrays and store.read(name) is None:
                store.write(name, _packed(experiment.law_exhibits()))
        with suppress(Exception):
            name = f"{EXHIBITS}/{samples_exhibit(spec.cell)}.npz"
            if is_first and store.read(name) is None and (drawn := experiment.law_samples()):
                store.write(name, _packed(drawn))
        with suppress(Exception):
            name = f"{EXHIBITS}/{corruption_exhibit(spec.cell, kind)}.npz"
            is_asked = kind in CORRUPTIONS and store.read(name) is None
            if is_asked and (images := experiment.corrupted_images()):
                store.write(name, _packed(images))

    def _result(self, ended: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What Tune is told, given how each trial stands: its `status` and, of some, `error`."""
        is_done = ended[0]["status"] != "running"
        payload = None
        if is_done or self._role.is_searched:
            whole = [{"error": None, **self._come_to(n), **how} for n, how in enumerate(ended)]
            payload = json.dumps(whole)
        return {
            "payload": payload,
            "report": self._report,
            "validation_risk": self._risks[self._report - 1] if self._report else None,
            "done": is_done,
        }

    def _come_to(self, place: int) -> dict[str, Any]:
        """What a trial's experiment has come to; nothing where it could not be prepared."""
        outcome = None if self._cohort is None else self._cohort.outcome(place)
        return {
            "metrics": _plain(outcome.metrics) if outcome else {},
            "curves": [_plain(asdict(progress)) for progress in outcome.curves] if outcome else [],
            "node": platform.node(),
        }


def _failed(error: BaseException) -> dict[str, Any]:
    return {"status": "failed", "error": one_line(error)[:LONGEST_MESSAGE]}


def _packed(arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _write_patiently(store: Store, name: str, arrays: Mapping[str, Any]) -> None:
    """Writes an object, again after a while where the place does not answer."""
    data = _packed(arrays)
    for pause_s in PAUSES_S:
        with suppress(OSError, StorageError):
            store.write(name, data)
            return
        time.sleep(pause_s)
    store.write(name, data)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same numbers for JSON, NumPy's among them; what is not finite is unknown."""
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in row.items()}
    return {key: None if _is_not_finite(value) else value for key, value in plain.items()}


def _is_not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
