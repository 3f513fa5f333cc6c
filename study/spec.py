"""What is asked: a study file, the cells of its grid, and the identity of a trial."""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from classcomp.distortions import NEUTRAL, distort
from classcomp.populations import make
from search_spaces import SPACES
from study.schema import SCHEMA_VERSION, decode_variance_seed
from study.sections import (
    LARGEST,
    BestInClassSection,
    PositiveInt,
    Probability,
    ResourcesSection,
    SearchSection,
    Section,
    TrainingSection,
    VarianceSection,
    unique,
)
from study.storage import write_whole


class SpecError(ValueError):
    """The request is wrong; the message is one line naming key, value and what is allowed."""


class PopulationSection(BaseModel):
    """A population's name and its own parameters, checked by the population itself."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    @property
    def parameters(self) -> dict[str, Any]:
        return dict(self.model_extra or {})

    @cached_property
    def label(self) -> str:
        return str(make(self.name, **self.parameters).label)

    @model_validator(mode="after")
    def _exists(self) -> "PopulationSection":
        try:
            make(self.name, **self.parameters)
        except ArithmeticError as error:
            raise ValueError(f"{self.name}: {_out_of_range(self.parameters, error)}") from None
        return self


class StudySpec(Section):
    """A study file, validated. See docs/study-files.md for every key."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    families: Annotated[tuple[str, ...], Field(min_length=1)]
    depths: Annotated[
        tuple[Annotated[int, Field(ge=1, le=8, strict=True)], ...], Field(min_length=1)
    ]
    seeds: PositiveInt = 10
    max_failed_share: Probability = 0.5
    num_train: Annotated[
        tuple[Annotated[int, Field(ge=8, le=LARGEST, strict=True)], ...], Field(min_length=1)
    ]
    populations: Annotated[tuple[PopulationSection, ...], Field(min_length=1)]
    distortions: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    search: SearchSection = SearchSection()
    training: TrainingSection = TrainingSection()
    best_in_class: BestInClassSection = BestInClassSection()
    variance: VarianceSection = VarianceSection()
    resources: ResourcesSection = ResourcesSection()

    _no_value_twice = field_validator("families", "depths", "num_train")(unique)

    @field_validator("families")
    @classmethod
    def _families_exist(cls, families: tuple[str, ...]) -> tuple[str, ...]:
        for family in families:
            if family not in SPACES:
                raise ValueError(f"{family!r} is no family; allowed are {', '.join(SPACES)}")
        return families

    @field_validator("distortions")
    @classmethod
    def _severities_in_range(
        cls, distortions: dict[str, tuple[float, ...]]
    ) -> dict[str, tuple[float, ...]]:
        for name, severities in distortions.items():
            if name not in NEUTRAL:
                raise ValueError(f"{name!r} is no distortion; allowed are {', '.join(NEUTRAL)}")
            if not severities:
                raise ValueError(f"{name} needs at least one severity")
            unique(severities)
        return distortions

    @model_validator(mode="after")
    def _populations_can_be_distorted(self) -> "StudySpec":
        labels = [p.label for p in self.populations]
        if len(set(labels)) != len(labels):
            raise ValueError(f"populations: {', '.join(labels)}: no population twice")
        for population in self.populations:
            law = make(population.name, **population.parameters)
            for name, severities in self.distortions.items():
                for severity in severities:
                    try:
                        distort(law, name, severity)
                    except ValueError as error:
                        raise ValueError(f"distortions.{name}: {error}") from None
                    except ArithmeticError as error:
                        what = _out_of_range(severity, error)
                        raise ValueError(f"distortions.{name}: {what}") from None
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One row of the landscape before it is measured.

    `distortion` is "none" where the severity changes nothing.
    """

    family: str
    depth: int
    population: str
    distortion: str
    severity: float
    num_train: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialSpec:
    """What determines a trial's result, and nothing else.

    `hyperparameters` is None only while a search has yet to propose them.
    """

    role: str
    cell: Cell
    population_name: str
    population_parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int
    budget_epochs: int
    max_epochs: int
    hyperparameters: Mapping[str, Any] | None

    @property
    def family(self) -> str:
        return self.cell.family

    @property
    def depth(self) -> int:
        return self.cell.depth

    @property
    def distortion(self) -> str:
        return self.cell.distortion

    @property
    def severity(self) -> float:
        return self.cell.severity

    @property
    def num_train(self) -> int:
        return self.cell.num_train

    @property
    def identity(self) -> dict[str, Any]:
        """The record's own columns that the id is the hash of."""
        cell = self.cell
        return {
            "schema": SCHEMA_VERSION,
            "role": self.role,
            "family": cell.family,
            "depth": cell.depth,
            "population": cell.population,
            "distortion": cell.distortion,
            "severity": cell.severity,
            "num_train": cell.num_train,
            "seed": self.seed,
            "budget_epochs": self.budget_epochs,
            "max_epochs": self.max_epochs,
            "hyperparameters": dict(self.hyperparameters or {}),
        }

    @property
    def trial_id(self) -> str:
        """First 16 hex digits of sha256 over the canonical JSON of `identity`."""
        return trial_id(self.identity)

    @property
    def streams(self) -> dict[str, int]:
        """Seeds by stream name.

        Data streams ignore family, depth, hyperparameters, distortion and sample size, so that
        cells are compared on the same draws; the search's never meet the measuring ones.
        """
        where = self.cell.population
        data, init, order = self._crossing
        data_seed = 0 if self.role == "search" else data
        drawn = {
            name: seed_for(name, self.role, where, data_seed)
            for name in ("data", "noise", "validation", "validation_noise")
        }
        shared = {name: seed_for(name, where) for name in ("evaluation", "selection")}
        network = (self.role, self.cell.family, self.cell.depth)
        own = {
            "init": seed_for("init", *network, init),
            "order": seed_for("order", *network, order),
        }
        return drawn | shared | own

    @property
    def _crossing(self) -> tuple[int, int, int]:
        """Seeds of data, initialisation and order: one and the same, but crossed in `variance`."""
        if self.role != "variance":
            return self.seed, self.seed, self.seed
        return decode_variance_seed(self.seed)


def trial_id(identity: Mapping[str, Any]) -> str:
    """First 16 hex digits of sha256 over the canonical JSON of a trial's identity."""
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def seed_for(*names: str | int) -> int:
    """A seed in [0, 2**62) hashed from a stream's name: adding a stream moves no other."""
    digest = hashlib.sha256(json.dumps(names).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2


def recipe_names() -> list[str]:
    """The studies that ship."""
    folder = resources.files("study") / "recipes"
    return sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".toml"))


def read_spec(source: str, overrides: Sequence[str] = (), name: str | None = None) -> StudySpec:
    """Reads a recipe's name or a study file, with `key=value` overrides.

    Raises:
        SpecError: one line naming the key, the value and what is allowed.
    """
    table = _read_toml(source)
    for override in overrides:
        _override(table, override)
    if name is not None:
        table["name"] = name
    return parse_spec(table, source)


def write_spec(spec: StudySpec, path: Path) -> None:
    """Writes a study file that says what `spec` says, every default spelled out."""
    text = tomli_w.dumps(spec.model_dump(mode="json"))
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def parse_spec(table: Mapping[str, Any], source: str) -> StudySpec:
    """Validates a parsed study file.

    Raises:
        SpecError: one line naming the key, the value and what is allowed.
    """
    try:
        return StudySpec.model_validate(table)
    except ValidationError as error:
        raise SpecError(f"{source}: {_first_error(error)}") from None


def _read_toml(source: str) -> dict[str, Any]:
    try:
        if source.endswith(".toml") or "/" in source:
            text = Path(source).read_text(encoding="utf-8")
        elif source in recipe_names():
            recipe = resources.files("study") / "recipes" / f"{source}.toml"
            text = recipe.read_text(encoding="utf-8")
        else:
            allowed = ", ".join(recipe_names())
            raise SpecError(f"{source!r} is no recipe: allowed are {allowed}, or a .toml file")
        return tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{source}: cannot be read: {_one_line(error)}") from None
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{source}: is not TOML: {_one_line(error)}") from None


def _override(table: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise SpecError(f"--set {override!r}: allowed is key=value, such as seeds=5")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *path, last = key.strip().split(".")
    place: Any = table
    for step in path:
        place = place[int(step)] if _is_index(place, step) else _child(place, step, override)
    if _is_index(place, last):
        place[int(last)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise SpecError(f"--set {override!r}: {key} is not a key of a study file")


def _is_index(place: Any, step: str) -> bool:
    return isinstance(place, list) and step.isdecimal() and int(step) < len(place)


def _child(place: Any, step: str, override: str) -> Any:
    if not isinstance(place, dict):
        raise SpecError(f"--set {override!r}: there is no {step!r} to set a key of")
    return place.setdefault(step, {})


def _first_error(error: ValidationError) -> str:
    errors = error.errors(include_url=False)
    first = errors[0]
    key = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = f"no such key; allowed are {', '.join(_allowed(first['loc']))}"
    elif first["type"] == "missing":
        message = "is missing"
    elif not isinstance(first["input"], Mapping | BaseModel):
        key = f"{key} = {_shown(first['input'])}"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    text = f"{key}: {message}{more}" if key else f"{message}{more}"
    return _one_line(text)


def _out_of_range(value: object, error: ArithmeticError) -> str:
    return f"{_shown(value)} is beyond what can be computed with ({type(error).__name__})"


def _allowed(location: tuple[int | str, ...]) -> list[str]:
    model: Any = StudySpec
    for part in location[:-1]:
        model = model.model_fields[part].annotation
    return list(model.model_fields)


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, default=str)
    except (TypeError, ValueError):
        text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _one_line(text: object) -> str:
    return " ".join(str(text).split())


def trial_to_json(trial: TrialSpec) -> str:
    """A trial as it travels to a worker."""
    return json.dumps(asdict(trial), sort_keys=True, allow_nan=False)


def trial_from_json(text: str) -> TrialSpec:
    """What `trial_to_json` wrote."""
    fields = json.loads(text)
    return TrialSpec(**{**fields, "cell": Cell(**fields["cell"])})
