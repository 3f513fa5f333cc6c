"""What runs inside a Ray worker: one experiment at a time, in an actor that is used again.

torch is imported when a worker is set up, and not with this module: the driver needs the class's
name only.
"""

import io
import json
import math
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from ray.tune import Trainable

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
    """Tune's class interface around `classcomp.experiment.Experiment`.

    A result is `{"payload": JSON, "report", "validation_risk", "done"}`. An exception of the
    experiment is a result too: a failed trial is a row of the table, and the actor lives on.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Takes the first trial."""
        import torch

        torch.set_num_threads(max(1, math.floor(config["cpus"])))
        keep_freed_memory()
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next trial."""
        self._address: str = new_config["store"]
        self._spec: TrialSpec = trial_from_json(new_config["trial"])
        self._data_dir: str | None = new_config["data_dir"]
        self._experiment: Experiment | None = None
        self._report = 0
        return True

    def step(self) -> dict[str, Any]:
        """One report of a search trial; of any other as much as fits into a few seconds."""
        try:
            return self._advance()
        except UnkeptError as unkept:
            cause = unkept.__cause__
            message = one_line(cause or unkept)[:LONGEST_MESSAGE]
            return self._result(status=UNKEPT, error=message, errno=getattr(cause, "errno", None))
        except Exception as error:
            return self._result(status="failed", error=one_line(error)[:LONGEST_MESSAGE])

    def _advance(self) -> dict[str, Any]:
        if self._experiment is None:
            self._experiment = self._taken_up()
            self._saved = time.monotonic()
        experiment, begin = self._experiment, time.monotonic()
        is_search = ROLES[self._spec.role].is_searched
        # A search that was taken up reports what was before it again: its ASHA may be new.
        while not experiment.finished and not (is_search and self._is_report_due):
            experiment.advance()
            self._save_if_due(experiment)
            if not is_search and time.monotonic() - begin > SLICE_S:
                break
        self._report = min(self._report + is_search, len(self._risks))
        is_done = experiment.finished and (not is_search or len(self._risks) == self._report)
        if is_done:
            self._keep_decisions(experiment)
        result = self._result(status="done" if is_done else "running", error=None)
        if is_done:  # looking is no part of what a trial costs, and the clock has been read
            self._keep_exhibits(experiment)
        return result

    @property
    def _is_report_due(self) -> bool:
        """Whether there is one to make; the last is made together with the result."""
        is_last = self._report + 1 >= self._spec.budget.num_reports
        return not is_last and self._report < len(self._risks)

    @property
    def _risks(self) -> list[float]:
        """Validation risks so far, one for each report."""
        curves = self._experiment.outcome.curves if self._experiment is not None else ()
        known = [p.validation_risk for p in curves if p.validation_risk is not None]
        return known[: self._spec.budget.num_reports]

    def _taken_up(self) -> "Experiment":
        """The experiment from its checkpoint, where an attempt before this one left one."""
        from classcomp.experiment import Experiment

        trial = to_trial(self._spec, self._address)
        with suppress(Exception):  # a damaged checkpoint costs a repetition, not the trial
            state = checkpoints.read_checkpoint(opened(self._address), self._spec.trial_id)
            if state is not None:
                experiment = Experiment(trial, data_dir=self._data_dir)
                experiment.load_state_dict(state)
                return experiment
        return Experiment(trial, data_dir=self._data_dir)

    def _save_if_due(self, experiment: "Experiment") -> None:
        if experiment.finished or time.monotonic() - self._saved < checkpoints.EVERY_S:
            return
        with suppress(StorageError):  # the trial goes on without
            store = opened(self._address)
            checkpoints.write_checkpoint(store, self._spec.trial_id, experiment.state_dict())
        self._saved = time.monotonic()

    def _keep_decisions(self, experiment: "Experiment") -> None:
        """Writes what the trial's rules did, and once for each law what decisions are held against.

        Intervals are made of them: a result without is none. A set that is divided anew for every
        seed has no evaluation sample that rules share, and intervals of another kind. Classes are
        packed; what else is kept, such as the terms of another risk, is written as it comes, with
        the examples' classes, and needs no law: what a class costs is known of a divided set too.

        Raises:
            UnkeptError: the study's place does not take them.
        """
        if not ROLES[self._spec.role].keeps_decisions:
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
                self._keep_law(store, law)
            _write_patiently(store, f"{FOLDER}/{self._spec.trial_id}.npz", kept)
        except (OSError, StorageError) as error:
            raise UnkeptError from error

    def _keep_law(self, store: Store, law: Mapping[str, Any]) -> None:
        name = f"{FOLDER}/law-{law_key(self._spec.cell)}.npz"
        if (self._address, name) not in _WRITTEN_LAWS and store.read(name) is None:
            _write_patiently(store, name, law)
        _WRITTEN_LAWS.add((self._address, name))

    def _keep_exhibits(self, experiment: "Experiment") -> None:
        """Writes what is worth looking at, of the first measured trial of a cell.

        Of the others that alone of which a mean over seeds is told. What is the law's alone is
        written by the first trial that is shown beside it.
        """
        if not ROLES[self._spec.role].is_measured:
            return
        store, kind = opened(self._address), self._spec.cell.distortion
        is_first = self._spec.seed == 0
        # A picture less: the result is there, and counts.
        with suppress(Exception):
            arrays = experiment.exhibits(is_first=is_first)
            if arrays:
                store.write(f"{EXHIBITS}/{self._spec.trial_id}.npz", _packed(arrays))
            name = f"{EXHIBITS}/{law_exhibit(self._spec.cell)}.npz"
            if PLANE in arrays and store.read(name) is None:
                store.write(name, _packed(experiment.law_exhibits()))
        with suppress(Exception):
            name = f"{EXHIBITS}/{samples_exhibit(self._spec.cell)}.npz"
            if is_first and store.read(name) is None and (drawn := experiment.law_samples()):
                store.write(name, _packed(drawn))
        with suppress(Exception):
            name = f"{EXHIBITS}/{corruption_exhibit(self._spec.cell, kind)}.npz"
            is_asked = kind in CORRUPTIONS and store.read(name) is None
            if is_asked and (images := experiment.corrupted_images()):
                store.write(name, _packed(images))

    def _result(
        self, *, status: str, error: str | None, errno: int | None = None
    ) -> dict[str, Any]:
        outcome = self._experiment.outcome if self._experiment is not None else None
        curves = [asdict(progress) for progress in outcome.curves] if outcome else []
        is_wanted = status != "running" or ROLES[self._spec.role].is_searched
        payload = {
            "status": status,
            "error": error,
            **({"errno": errno} if status == UNKEPT else {}),
            "metrics": _plain(outcome.metrics) if outcome else {},
            "curves": [_plain(row) for row in curves],
            "node": platform.node(),
        }
        return {
            "payload": json.dumps(payload) if is_wanted else None,
            "report": self._report,
            "validation_risk": self._risks[self._report - 1] if self._report else None,
            "done": status != "running",
        }


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
