"""A cell of the landscape, and what determines the result of one of its trials."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

from study.trials.roles import ROLES, Budget
from study.trials.seeds import decode_search_seed, decode_variance_seed, seed_for

IDENTITY_VERSION = 2
"""Of what determines a result. A new one makes every finished trial another trial's; a new column
of a table is no reason for one (see `study.trials.schema.TABLE_VERSION`)."""
UNDISTORTED = "none"
# Repeated from classcomp.corruption, which this side of the wall may not import; a test holds the
# two together.
KEEPING_THE_IMAGE = ("pixel_noise", "salt_and_pepper", "occlusion")
CORRUPTIONS = ("outliers", *KEEPING_THE_IMAGE)
"""Distortions that corrupt a share of the training images. An outlier has nothing of the image."""
OF_A_SAMPLE = ("label_noise", *CORRUPTIONS)
"""Distortions of a training sample, which leave the law as it is."""
DATA_STREAMS = (
    *("data", "noise", "corruption", "damage", "head_examples"),
    *("validation", "validation_noise", "validation_corruption"),
)
SHARED_STREAMS = ("evaluation", "evaluation_corruption", "selection", "folds")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A row of the landscape: a family of one depth on one law, with one sample size.

    `distortion` is "none" where the severity changes nothing. For a trial on a stream `num_train`
    is the stream's length m. `latent_dim` is None where it is no axis of the study, or the family
    has none: it may be among the hyperparameters then, like any other. `capacity`, the factor of
    the depth's parameter budget, is None where it is no axis, or the family meets no budget.
    """

    family: str
    depth: int
    population: str
    distortion: str
    severity: float
    num_train: int
    latent_dim: int | None = None
    capacity: float | None = None

    def __lt__(self, other: "Cell") -> bool:
        return self._place < other._place

    @property
    def _place(self) -> tuple[Any, ...]:
        """Field by field; what is None comes first."""
        k, c = self.latent_dim, self.capacity
        place = (self.family, self.depth, self.population, self.distortion, self.severity)
        return (*place, self.num_train, k is not None, k, c is not None, c)

    @property
    def known(self) -> dict[str, Any]:
        """The fields by name; without an axis that the study does not have."""
        held = {name: getattr(self, name) for name in CELL_NAMES}
        return {name: value for name, value in held.items() if value is not None}

    @property
    def is_undistorted(self) -> bool:
        """Whether the population is as it was."""
        return self.distortion == UNDISTORTED

    @property
    def title(self) -> str:
        """`vgg d2 xor(sigma=0.5) label_noise=0.2 n=256`; `autoencoder d2 k=10 c=4 digits n=256`."""
        damage = "" if self.is_undistorted else f" {self.distortion}={self.severity:g}"
        size = f"d{self.depth}"
        size += "" if self.latent_dim is None else f" k={self.latent_dim}"
        size += "" if self.capacity is None else f" c={self.capacity:g}"
        return f"{self.family} {size} {self.population}{damage} n={self.num_train}"


CELL_NAMES = tuple(f.name for f in fields(Cell))
"""Columns of a table that name a row's cell."""
AXES = tuple(f.name for f in fields(Cell) if f.default is None)
"""Those that not every study has: a record from before an axis, or of a study without it, lacks it,
and it is no part of that trial's identity."""


def cell_of(row: Mapping[str, Any]) -> Cell:
    """The cell of a record or of a row of a table."""
    return _cell(*(row.get(name) if name in AXES else row[name] for name in CELL_NAMES))


@lru_cache(maxsize=2**16, typed=True)  # a severity of 0.0 is written another way than one of 0
def _cell(*held: Any) -> Cell:
    """One object for all rows of a cell."""
    return Cell(**dict(zip(CELL_NAMES, held, strict=True)))


def law_of(cell: Cell) -> Cell:
    """The cell under its law: what is done to a training sample is not done to the law."""
    if cell.distortion not in OF_A_SAMPLE:
        return cell
    return replace(cell, distortion=UNDISTORTED, severity=0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class UserNetwork:
    """A network of the user's own.

    Attributes:
        path: "file.py:Class" or "package.module:Class".
        source: hash of its source; part of the identity of its trials, unlike the path.
    """

    path: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialSpec:
    """What determines a trial's result, and nothing else.

    Attributes:
        hyperparameters: None only while a search has yet to propose them.
        num_validation: examples that a proposal is scored on; None where nothing is searched.
        num_folds: parts of the sample of which the one of the seed's number is left out; None
            where none is.
        network: of a family that is the user's own; None for ours.
        variant_of: the family of which the cell's is a variant, a name with fixed hyperparameters;
            None: it is a family itself.
        scored_under: corruptions under which the rule of T is scored besides. More columns and the
            same result: no part of the identity.
        traced: points of the trunk at which the risk is looked at. More of the curves and the same
            result, likewise.
        weights: the file whose content the hyperparameter `weights` names; None where there is
            none. Where it lies is no part of the identity.
    """

    role: str
    cell: Cell
    population_name: str
    population_parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int
    budget: Budget
    hyperparameters: Mapping[str, Any] | None
    num_validation: int | None = None
    num_folds: int | None = None
    network: UserNetwork | None = None
    variant_of: str | None = None
    scored_under: tuple[str, ...] = ()
    traced: int = 0
    weights: str | None = None

    @property
    def network_family(self) -> str:
        """The family whose network is trained."""
        return self.variant_of or self.cell.family

    @property
    def identity(self) -> dict[str, Any]:
        """The record's own columns that the id is the hash of."""
        return {
            "schema": IDENTITY_VERSION,
            "role": self.role,
            **self.cell.known,
            "seed": self.seed,
            f"budget_{self.budget.unit}": self.budget.to_budget,
            f"max_{self.budget.unit}": self.budget.at_most,
            **({} if self.budget.until == "settled" else {"until": self.budget.until}),
            "hyperparameters": dict(self.hyperparameters or {}),
            **({} if self.num_validation is None else {"num_validation": self.num_validation}),
            **({} if self.num_folds is None else {"num_folds": self.num_folds}),
            **({} if self.network is None else {"source": self.network.source}),
            **({} if self.variant_of is None else {"variant_of": self.variant_of}),
        }

    @property
    def trial_id(self) -> str:
        """First 16 hex digits of sha256 over the canonical JSON of `identity`."""
        return trial_id(self.identity)

    @property
    def streams(self) -> dict[str, int]:
        """Seeds by stream name.

        Data streams ignore family, depth, hyperparameters, distortion and sample size, so that
        cells are compared on the same draws; those of a search are one search's own, and never
        meet the measuring ones. Folds are parts of the first measured sample. Variants of a family
        begin at the same weights, and visit examples in the same order.
        """
        where = self.cell.population
        data, init, order = self._crossing
        drawn_by = "measure" if self.num_folds is not None else self.role
        drawn = {name: seed_for(name, drawn_by, where, data) for name in DATA_STREAMS}
        shared = {name: seed_for(name, where) for name in SHARED_STREAMS}
        # Small sets are divided anew for every seed, and alike for all that is paired by it.
        shared["split"] = seed_for("split", where, data)
        network = (self.role, self.network_family, self.cell.depth)
        own = {name: seed_for(name, *network, init) for name in ("init", "head")}
        shared["teacher"] = seed_for("teacher", where, *network[1:])
        visits = {name: seed_for(name, *network, order) for name in ("order", "loss")}
        return drawn | shared | own | visits

    @property
    def _crossing(self) -> tuple[int, int, int]:
        """Seeds of data, initialisation and order: one and the same, unless they are crossed."""
        role = ROLES[self.role]
        if role.is_crossed:
            return decode_variance_seed(self.seed)
        if role.is_searched:
            return decode_search_seed(self.seed)[0], self.seed, self.seed
        return (self.seed if self.num_folds is None else 0), self.seed, self.seed


def trial_id(identity: Mapping[str, Any]) -> str:
    """First 16 hex digits of sha256 over the canonical JSON of a trial's identity."""
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def trial_to_json(trial: TrialSpec) -> str:
    """A trial as it travels to a worker."""
    return json.dumps(asdict(trial), sort_keys=True, allow_nan=False)


def trial_from_json(text: str) -> TrialSpec:
    """What `trial_to_json` wrote."""
    held = json.loads(text)
    network = None if held["network"] is None else UserNetwork(**held["network"])
    whole = {"cell": Cell(**held["cell"]), "budget": Budget(**held["budget"])}
    under = tuple(held["scored_under"])
    return TrialSpec(**{**held, **whole, "network": network, "scored_under": under})


def trial_title(trial: Mapping[str, Any]) -> str:
    """`vgg d2 xor label_noise=0.2 n=256 s3`; a role other than measure comes last.

    Args:
        trial: a record, or a trial's identity.
    """
    return _titled(trial, f" s{trial['seed']}")


def title_of_seeds(trial: Mapping[str, Any]) -> str:
    """`trial_title` without the seed: what a cell's trials of one role have in common."""
    return _titled(trial, "")


def _titled(trial: Mapping[str, Any], seed: str) -> str:
    cell = cell_of(trial)
    short = replace(cell, population=cell.population.partition("(")[0])
    role = "" if ROLES[trial["role"]].is_measured else f" {trial['role']}"
    return f"{short.title}{seed}{role}"
