"""What a study's rules did on the evaluation sample, and what that costs example by example.

A classifier's file holds what it decides, and the law says what that costs; of another task
(study.trials.tasks) it holds the costs themselves. The files are of study.trials.decisions; they
are read with suspicion, since they may come from anywhere. A file that is not there is no error: a
table may travel alone.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from study.analysis.exhibits import MOST_BYTES, num_bytes, read_arrays
from study.analysis.frames import TableError, Trial, is_null
from study.trials.decisions import FOLDER, law_key, terms_name, unpack
from study.trials.schema import under
from study.trials.tasks import task_of
from study.trials.trial import Cell, cell_of

MOST_EXAMPLES = 2**20
"""Of an evaluation sample: a file of a few kB may tell of a billion, for every seed."""
BUDGET, CONVERGED = "budget", "converged"
"""The branches of a trial: R_n(T) and R_n(inf)."""
COLUMNS = {
    BUDGET: ("risk", "excess_risk"),
    CONVERGED: ("converged_risk", "converged_excess_risk"),
}
TOLERANCE = 1e-5
"""Between a table's mean over the evaluation sample and the decisions'; one is of float32."""
MOST_UNPACKED = 2**28
"""Bytes of decisions and losses that are kept as they are computed with: rules are compared with
many others, one after another."""
HALF_PRECISION = 2.0**-11
"""Of itself, what rounding to half precision changes a term by at most, and so their mean; of terms
below 2^-14 it is 2^-25."""

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Law:
    """What the evaluation sample of a law is scored with.

    Attributes:
        posterior: (N, K); None where it is unknown.
        labels: (N,) where it is.
        floor: (N,) the Bayes rule's losses; None where they are unknown.
        names: of all classes; empty: they have none.
    """

    num_classes: int
    num: int
    names: tuple[str, ...] = ()
    posterior: Array | None = None
    labels: Array | None = None
    floor: Array | None = None

    def losses(self, decided: Array) -> Array:
        if self.posterior is None:
            return np.asarray(decided != self.labels, dtype=np.float64)
        return np.asarray(1.0 - self.posterior[np.arange(self.num), decided])


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """What examples contribute to a rule's risk, and whose they are.

    Attributes:
        terms: (N,).
        labels: (N,) classes, from 0.
        names: of the classes; empty: they have none.
    """

    terms: Array
    labels: Array
    names: tuple[str, ...]


class Decisions:
    """The decisions of a study's folders; files are read as they are asked for, and kept.

    Attributes:
        skipped: a line for each file that cannot be used.
        folders: the study's.
    """

    def __init__(self, *folders: Path) -> None:
        """Reads nothing yet.

        Args:
            folders: the study's; of joined studies each one's: a file is taken where it is found.
        """
        self.skipped: list[str] = []
        self.folders = folders
        self._rules: dict[str, Mapping[str, Array] | None] = {}
        self._laws: dict[str, _Law | None] = {}
        self._refused: set[tuple[str, str]] = set()
        self._left = MOST_BYTES
        self._laws_of: dict[tuple[Any, ...], _Law | None] = {}
        self._unpacked: dict[tuple[str, str], tuple[Array, Array]] = {}
        self._room = MOST_UNPACKED

    def are_kept(self, trial_ids: Iterable[str]) -> Array:
        """Whether there is a file of each trial, good or bad."""
        places = [folder / FOLDER for folder in self.folders]
        present = {path.name for place in places if place.is_dir() for path in place.iterdir()}
        return np.array([f"{trial_id}.npz" in present for trial_id in trial_ids], dtype=bool)

    def losses(self, row: Trial, branch: str = BUDGET) -> Array | None:
        """The terms (N,) whose mean is a rule's risk on the evaluation sample; float64.

        Of a classifier 1 - eta_h(x_i)(x_i), or whether h errs where the law is unknown; of another
        task's model what was kept, in half precision: of the excess risk, where that is known.

        Args:
            row: the trial's, of the trials table.
            branch: BUDGET or CONVERGED.

        Returns:
            None where they are not there or cannot be used, or where every seed has an evaluation
            sample of its own, so that example i of one rule is not example i of another.
        """
        return None if row["is_resplit"] else self._losses(row, branch)

    def losses_under(self, row: Trial, kind: str) -> Array | None:
        """The terms (N,) whose mean is a rule's risk with every image corrupted; as `losses`."""
        kept = self._rule(row["trial_id"]).get(terms_name(kind))
        if row["is_resplit"] or kept is None or (row["trial_id"], kind) in self._refused:
            return None
        try:
            terms = _whole(kept, None)
            _check_rounded_mean(terms, under(kind), row)
        except ValueError as error:
            self._refuse(row, kind, error)
            return None
        return terms

    def labelled(self, row: Trial) -> Labelled | None:
        """The terms at T with the examples' classes, on whatever sample the rule was scored.

        None where they are not there or cannot be used, as those of a classifier.
        """
        held, law = self._rule(row["trial_id"]), self._law_of(row)
        labels = held.get("labels", None if law is None else law.labels)
        terms = None if task_of(row["task"]).keeps_decisions else self._losses(row, BUDGET)
        if labels is None or terms is None or (row["trial_id"], "labels") in self._refused:
            return None
        names = held.get("class_names", np.array([], dtype=np.str_))
        is_whole = labels.shape == terms.shape and labels.dtype.kind in "iu" and labels.min() >= 0
        are_names = names.ndim == 1 and names.dtype.kind == "U"
        if is_whole and are_names and (not names.size or len(names) > labels.max()):
            return Labelled(terms=terms, labels=labels, names=tuple(names.tolist()))
        self._refused.add((row["trial_id"], "labels"))
        path = self._path(row["trial_id"])
        self.skipped.append(f"{path}: labels: no classes of the {len(terms)} examples")
        return None

    def _losses(self, row: Trial, branch: str) -> Array | None:
        if (row["trial_id"], branch) in self._refused:
            return None
        task = task_of(row["task"])
        try:
            if not task.keeps_decisions:
                return self._kept(row, branch)
            found = self._decided(row, branch)
            return None if found is None else found[1]
        except ValueError as error:
            self._refuse(row, branch, error)
            return None

    def _refuse(self, row: Trial, what: str, error: ValueError) -> None:
        self._refused.add((row["trial_id"], what))
        self.skipped.append(f"{self._path(row['trial_id'])}: {what}: {error}")

    def terms(self, row: Trial, branch: str = BUDGET) -> Array | None:
        """The terms (N,) that differences between rules are made of.

        Of the excess risk where its floor is known example by example, else of the risk: what two
        rules of a sample differ by is the same, and what they have in common drops out.
        """
        is_known = row["excess_risk"] is not None and task_of(row["task"]).keeps_decisions
        return self.excess(row, branch) if is_known else self.losses(row, branch)

    def classes(self, row: Trial, branch: str = BUDGET) -> Array | None:
        """The classes (N,) that a rule decides for; None where `losses` are, or it decides not."""
        if not task_of(row["task"]).keeps_decisions or self.losses(row, branch) is None:
            return None
        found = self._decided(row, branch)
        return None if found is None else found[0].astype(np.int64)

    def excess(self, row: Trial, branch: str = BUDGET) -> Array | None:
        """A classifier's losses less the floor, of mean excess risk; None where one is unknown."""
        if not task_of(row["task"]).keeps_decisions:
            return None
        losses, law = self.losses(row, branch), self._law_of(row)
        return None if losses is None or law is None or law.floor is None else losses - law.floor

    def floor(self, cell: Cell) -> Array | None:
        """The Bayes rule's terms (N,), 1 - max_k eta_k(x_i); None where the law is unknown."""
        law = self._law(cell)
        return None if law is None else law.floor

    def posterior(self, cell: Cell) -> Array | None:
        """The law's posterior (N, K) on the evaluation sample; None where it is unknown."""
        law = self._law(cell)
        return None if law is None else law.posterior

    def labels(self, cell: Cell) -> Array | None:
        """The evaluation sample's classes (N,), where the posterior is unknown; else None."""
        law = self._law(cell)
        return None if law is None else law.labels

    def class_names(self, cell: Cell) -> tuple[str, ...]:
        """Names of the law's K classes, their numbers where they have none; empty: no file."""
        law = self._law(cell)
        return () if law is None else law.names or tuple(map(str, range(law.num_classes)))

    def log_probabilities(self, row: Trial, branch: str = BUDGET) -> Array | None:
        """The natural logs (M, K) of a classifier's predictions on M examples; float64."""
        if not task_of(row["task"]).keeps_decisions:
            return None
        name = "log_probabilities" if branch == BUDGET else f"{branch}_log_probabilities"
        found, law = self._rule(row["trial_id"]).get(name), self._law_of(row)
        if found is None or law is None or (row["trial_id"], name) in self._refused:
            return None
        is_whole = found.ndim == 2 and found.shape[1] == law.num_classes and len(found) <= law.num
        if found.dtype.kind != "f" or not is_whole or np.isnan(found).any():
            self._refused.add((row["trial_id"], name))
            path = self._path(row["trial_id"])
            self.skipped.append(f"{path}: {name}: no (M, {law.num_classes}) logs of probabilities")
            return None
        return found.astype(np.float64)

    def _decided(self, row: Trial, branch: str) -> tuple[Array, Array] | None:
        """Classes and their losses, (N,) each, of the table's own risk."""
        key = (row["trial_id"], branch)
        if key in self._unpacked:
            return self._unpacked[key]
        law, packed = self._law_of(row), self._rule(row["trial_id"]).get(branch)
        if law is None or packed is None:
            return None
        classes = unpack(packed, law.num, law.num_classes)
        losses = law.losses(classes)
        _check_mean(losses, law, row, branch)
        found = (classes.astype(np.min_scalar_type(law.num_classes)), losses)
        self._room -= num_bytes(dict(zip("cl", found, strict=True)))
        if self._room > 0:
            losses.flags.writeable = False
            self._unpacked[key] = found
        return found

    def _law_of(self, row: Trial) -> _Law | None:
        place = (row["population"], row["distortion"], row["severity"])
        if place not in self._laws_of:
            self._laws_of[place] = self._law(cell_of(row))
        return self._laws_of[place]

    def _kept(self, row: Trial, branch: str) -> Array | None:
        """Terms as they were kept; the law, where it is there, says how many there are."""
        kept, law = self._rule(row["trial_id"]).get(terms_name(branch)), self._law_of(row)
        if kept is None:
            return None
        return _checked_terms(kept, None if law is None else law.num, row, branch)

    def _rule(self, trial_id: str) -> Mapping[str, Array]:
        if trial_id not in self._rules:
            self._rules[trial_id] = self._read(trial_id)
        return self._rules[trial_id] or {}

    def _law(self, cell: Cell) -> _Law | None:
        key = law_key(cell)
        if key not in self._laws:
            name = f"law-{key}"
            arrays = self._read(name)
            try:
                law = self._laws[key] = None if arrays is None else _law_of(arrays)
                if law is not None and law.posterior is not None:
                    self._left -= law.posterior.nbytes
            except ValueError as error:
                self._laws[key] = None
                self.skipped.append(f"{self._path(name)}: {error}")
        return self._laws[key]

    def _path(self, name: str) -> Path:
        """Where a file is; where there is none, where it would be."""
        paths = [folder / FOLDER / f"{name}.npz" for folder in self.folders]
        return next((path for path in paths if path.is_file()), paths[0])

    def _read(self, name: str) -> Mapping[str, Array] | None:
        path = self._path(name)
        if not path.is_file():
            return None
        try:
            arrays = read_arrays(path, most=self._left)
        except TableError as error:
            self.skipped.append(str(error))
            return None
        self._left -= num_bytes(arrays)
        return arrays


def open_decisions(folder: Path | None) -> Decisions | None:
    """The decisions of a study's folder; None where it has none, or there is a table alone."""
    return None if folder is None or not (folder / FOLDER).is_dir() else Decisions(folder)


def _law_of(arrays: Mapping[str, Array]) -> _Law:
    law, names = _scored_with(arrays), arrays.get("class_names")
    if names is None:
        return law
    if names.shape != (law.num_classes,) or names.dtype.kind != "U":
        raise ValueError(f"class_names are no names of {law.num_classes} classes")
    return replace(law, names=tuple(names.tolist()))


def _scored_with(arrays: Mapping[str, Array]) -> _Law:
    posterior, labels = arrays.get("posterior"), arrays.get("labels")
    for array in (posterior, labels):
        if array is not None and array.shape and len(array) > MOST_EXAMPLES:
            raise ValueError(f"{len(array):,} examples are more than {MOST_EXAMPLES:,}")
    if posterior is not None:
        if posterior.ndim != 2 or posterior.dtype.kind != "f" or min(posterior.shape) < 1:
            raise ValueError(f"posterior is of shape {posterior.shape} and type {posterior.dtype}")
        wide = posterior.astype(np.float64)
        sums_to_one = np.abs(wide.sum(axis=1) - 1.0) < 1e-3
        if not (sums_to_one.all() and (wide >= 0).all()):  # NaN is neither
            raise ValueError("posterior holds what is no probability")
        floor = 1.0 - wide.max(axis=1)
        return _Law(num_classes=wide.shape[1], num=len(wide), posterior=wide, floor=floor)
    num_classes = arrays.get("num_classes")
    if labels is None or num_classes is None or num_classes.shape or num_classes.dtype.kind != "i":
        raise ValueError("it holds neither a posterior nor labels of a number of classes")
    if labels.ndim != 1 or labels.dtype.kind != "i" or not labels.size:
        raise ValueError(f"labels are of shape {labels.shape} and type {labels.dtype}")
    if labels.min() < 0 or labels.max() >= int(num_classes):
        raise ValueError(f"labels hold what is none of {int(num_classes)} classes")
    return _Law(num_classes=int(num_classes), num=len(labels), labels=labels)


def _check_mean(losses: Array, law: _Law, row: Trial, branch: str) -> None:
    """Refuses decisions of another rule or sample than the table's: their means differ."""
    risk, excess = COLUMNS[branch]
    name, found = (risk, losses) if law.floor is None else (excess, losses - law.floor)
    told = row[name]
    if is_null(told) or abs(told - float(found.mean())) > TOLERANCE:
        raise ValueError(f"{name} is {told} in the table and {found.mean():.6g} by the decisions")


def _checked_terms(kept: Array, num: int | None, row: Trial, branch: str) -> Array:
    """Refuses terms that are none of the task, or of another rule or sample than the table's."""
    task, (risk, excess) = task_of(row["task"]), COLUMNS[branch]
    terms = _whole(kept, num, least=task.least, most=task.most)
    _check_rounded_mean(terms, risk if row[excess] is None else excess, row)
    return terms


def _whole(
    kept: Array, num: int | None, *, least: float = -math.inf, most: float = math.inf
) -> Array:
    """Terms within their limits, of as many examples as there are; None: that nobody knows."""
    if kept.ndim != 1 or kept.dtype.kind != "f" or len(kept) != (num or len(kept)) or not kept.size:
        wanted = "(N,)" if num is None else f"({num},)"
        raise ValueError(f"terms are of shape {kept.shape} and type {kept.dtype}, not {wanted}")
    if len(kept) > MOST_EXAMPLES:
        raise ValueError(f"{len(kept):,} terms are more than {MOST_EXAMPLES:,}")
    terms = kept.astype(np.float64)
    if not np.isfinite(terms).all() or (terms < least).any() or (terms > most).any():
        raise ValueError(f"terms hold what is no finite number of at least {least:g}")
    return terms


def _check_rounded_mean(terms: Array, name: str, row: Trial) -> None:
    """Refuses terms of another mean than the table's.

    That is of terms that were not rounded yet, possibly in float32.
    """
    found, told, size = float(terms.mean()), row[name], float(np.abs(terms).mean())
    if is_null(told) or abs(told - found) > (HALF_PRECISION + TOLERANCE) * size + 2.0**-25:
        raise ValueError(f"{name} is {told} in the table and {found:.6g} by the terms")
