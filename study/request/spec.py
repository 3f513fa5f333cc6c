"""A study file, validated: what is asked. docs/study-files.md lists every key."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from classcomp.distortions import NEUTRAL, distort
from classcomp.populations import RealData, make
from classcomp.sources import content_of, source_of
from search_spaces import FREE_WIDTH, SPACES, TRAINING_HYPERPARAMETERS, FamilySpace
from search_spaces.family import is_weights_file
from search_spaces.reading import own_space, read_space, restricted
from study.request.sections import (
    LARGEST,
    BestInClassSection,
    CrossValidationSection,
    LimitSection,
    PositiveInt,
    Probability,
    ResourcesSection,
    SearchSection,
    Section,
    TrainingSection,
    VarianceSection,
    finite,
    shown,
    unique,
)
from study.trials.tasks import task_of
from study.trials.trial import Cell, UserNetwork

Number = Annotated[int, Field(ge=8, le=LARGEST, strict=True)]
Depth = Annotated[int, Field(ge=1, le=8, strict=True)]
LATENT_DIM = "latent_dim"
FEWEST_FIRST = 5
"""Seeds from which a spread may be judged that decides how many more there are."""


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

    @cached_property
    def is_law_known(self) -> bool:
        """Whether there is a posterior, and examples without end."""
        return not isinstance(make(self.name, **self.parameters), RealData)

    @cached_property
    def is_resplit(self) -> bool:
        """Whether every seed divides the examples anew into those to train on and to test on."""
        population = make(self.name, **self.parameters)
        return isinstance(population, RealData) and population.is_resplit

    @model_validator(mode="after")
    def _exists(self) -> "PopulationSection":
        if "data_dir" in self.parameters:
            raise ValueError(f"{self.name}: data_dir is an option, --data-dir, and no key")
        try:
            make(self.name, **self.parameters)
        except ArithmeticError as error:
            raise ValueError(f"{self.name}: {_out_of_range(self.parameters, error)}") from None
        return self


class NetworkSection(Section):
    """A network of the user's own: a torch module's class, or a scikit-learn classifier's.

    `kind` and `takes` are found when the network is built before anything starts
    (`study.planning.preflight`), and written into the study's own file.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")]
    path: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    space: dict[str, Any] = Field(default_factory=dict)
    kind: Literal["torch", "sklearn"] | None = None
    takes: Literal["vectors", "images", "any"] | None = None

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name in SPACES:
            raise ValueError(f"{name!r} is taken by a family of ours: {', '.join(SPACES)}")
        return name

    @cached_property
    def network(self) -> UserNetwork:
        return UserNetwork(path=self.path, source=source_of(self.path))

    @field_validator("parameters", "space")
    @classmethod
    def _numbers_are_finite(cls, values: dict[str, Any]) -> dict[str, Any]:
        finite(values)
        return values

    @model_validator(mode="after")
    def _can_be_found(self) -> "NetworkSection":
        assert self.network.source  # a ValueError where there is none
        assert self.family_space.space is not None
        return self

    @cached_property
    def family_space(self) -> FamilySpace:
        return own_space(
            self.name,
            parameters=self.parameters,
            searched=read_space(self.name, self.parameters, self.space),
            kind=self.kind,
            takes=self.takes or "any",
        )


class StudySpec(Section):
    """A study file, validated."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    families: Annotated[tuple[str, ...], Field(min_length=1)]
    depths: Annotated[tuple[Depth, ...], Field(min_length=1)]
    latent_dims: tuple[PositiveInt, ...] = ()
    seeds: PositiveInt = 10
    precision: Annotated[float, Field(gt=0)] | None = None
    max_seeds: PositiveInt | None = None
    max_failed_share: Probability = 0.5
    match_parameters: Annotated[bool, Field(strict=True)] = True
    allow_mixed_code: Annotated[bool, Field(strict=True)] = False
    num_train: Annotated[tuple[Number, ...], Field(min_length=1)]
    populations: Annotated[tuple[PopulationSection, ...], Field(min_length=1)]
    networks: tuple[NetworkSection, ...] = ()
    distortions: dict[str, Annotated[tuple[float, ...], AfterValidator(unique)]] = Field(
        default_factory=dict
    )
    hyperparameters: dict[str, dict[str, Any]] = Field(default_factory=dict)
    search: SearchSection = SearchSection()
    training: TrainingSection = TrainingSection()
    best_in_class: BestInClassSection = BestInClassSection()
    limit: LimitSection = LimitSection()
    variance: VarianceSection = VarianceSection()
    cross_validation: CrossValidationSection = CrossValidationSection()
    resources: ResourcesSection = ResourcesSection()

    _no_value_twice = field_validator("families", "depths", "latent_dims", "num_train")(unique)

    @field_validator("networks")
    @classmethod
    def _no_name_twice(cls, networks: tuple[NetworkSection, ...]) -> tuple[NetworkSection, ...]:
        unique([network.name for network in networks])
        return networks

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
        return distortions

    @model_validator(mode="after")
    def _numbers_are_finite(self) -> "StudySpec":
        finite({"hyperparameters": self.hyperparameters})
        return self

    @model_validator(mode="after")
    def _precision_can_be_aimed_at(self) -> "StudySpec":
        if self.precision is None and self.max_seeds is None:
            return self
        if self.precision is None:
            raise ValueError(f"max_seeds = {self.max_seeds}: allowed with precision only")
        wanted = f"precision = {self.precision:g}"
        if self.max_seeds is None:
            raise ValueError(f"{wanted}: max_seeds is missing")
        if self.seeds < FEWEST_FIRST:
            raise ValueError(
                f"seeds = {self.seeds}: with {wanted} they are the first stage, of at least "
                f"{FEWEST_FIRST}"
            )
        if self.max_seeds < self.seeds:
            raise ValueError(f"max_seeds = {self.max_seeds}: must be at least seeds = {self.seeds}")
        return self

    @model_validator(mode="after")
    def _every_fold_has_an_example(self) -> "StudySpec":
        folds, least = self.cross_validation.folds, min(self.num_train)
        if folds > least:
            raise ValueError(
                f"cross_validation.folds = {folds}: allowed are 2 to min(num_train) = {least}"
            )
        return self

    @model_validator(mode="after")
    def _families_exist(self) -> "StudySpec":
        known = [*SPACES, *(network.name for network in self.networks)]
        for key, names in (("families", self.families), ("hyperparameters", self.hyperparameters)):
            for name in names:
                if name not in known:
                    allowed = ", ".join(known)
                    raise ValueError(f"{key}: {name!r} is no family; allowed are {allowed}")
        for name in known:
            self.space_of(name)
        for name in self.families:
            most = self.space_of(name).most_depth
            if max(self.depths) > most:
                raise ValueError(f"depths = {max(self.depths)}: {name} has depths 1 to {most}")
        return self

    @model_validator(mode="after")
    def _nothing_is_fixed_twice(self) -> "StudySpec":
        for network in self.networks:
            for name, written in self.hyperparameters.get(network.name, {}).items():
                if name in network.parameters:
                    raise ValueError(
                        f"hyperparameters.{network.name}.{name} = {shown(written)}: allowed is it "
                        f"or the network's parameters, {name} = "
                        f"{shown(network.parameters[name])}, not both"
                    )
        return self

    @model_validator(mode="after")
    def _latent_dims_are_of_a_family(self) -> "StudySpec":
        having = [name for name in self.families if LATENT_DIM in self.space_of(name).defaults]
        if self.latent_dims and not having:
            able = ", ".join(name for name in SPACES if LATENT_DIM in SPACES[name].defaults)
            raise ValueError(
                f"latent_dims = {list(self.latent_dims)}: none of families = "
                f"{shown(self.families)} has a latent dimension; allowed with one of {able}"
            )
        for family in having if self.latent_dims else ():
            if LATENT_DIM in self.hyperparameters.get(family, {}):
                raise ValueError(
                    f"hyperparameters.{family}.{LATENT_DIM} = "
                    f"{shown(self.hyperparameters[family][LATENT_DIM])}: allowed is it or "
                    f"latent_dims = {list(self.latent_dims)}, not both"
                )
            for latent_dim in self.latent_dims:
                limits = self.space_of(family).limits.get(LATENT_DIM)
                if limits is not None and not limits.contains(latent_dim):
                    raise ValueError(f"latent_dims = {latent_dim}: must be {limits} ({family})")
        return self

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

    @model_validator(mode="after")
    def _precision_is_below_any_risk(self) -> "StudySpec":
        """In the unit of a task's risk: where that has a largest value, such as 1, it is less."""
        for family in self.families:
            task = task_of(self.space_of(family).task)
            if self.precision is not None and self.precision >= task.most:
                raise ValueError(
                    f"precision = {self.precision:g}: must be below {task.most:g}, the largest "
                    f"risk of {task.name} ({family})"
                )
        return self

    @model_validator(mode="after")
    def _there_is_something_to_undo(self) -> "StudySpec":
        for family in self.families:
            undone = task_of(self.space_of(family).task).undoes
            if undone and not any(self.distortions.get(undone, ())):
                raise ValueError(
                    f"families: {family} takes {undone} off and the study has none; "
                    f"distortions.{undone} must list a severity above 0"
                )
        return self

    @property
    def own(self) -> Mapping[str, NetworkSection]:
        """The user's own networks by name."""
        return {network.name: network for network in self.networks}

    def network_of(self, family: str) -> UserNetwork | None:
        """The user's own network of this name; None for a family of ours."""
        return self.own[family].network if family in self.own else None

    def is_fitted(self, family: str) -> bool:
        """Whether a family is fitted at once, and has no gradient."""
        if family in self.own:
            return self.own[family].kind == "sklearn"
        return not set(TRAINING_HYPERPARAMETERS) <= set(SPACES[family].defaults)

    def latent_dims_of(self, family: str) -> tuple[int | None, ...]:
        """Where a family stands on the axis: everywhere, or once where it has no such dimension."""
        has_it = LATENT_DIM in self.space_of(family).defaults
        return self.latent_dims if self.latent_dims and has_it else (None,)

    def space_at(self, cell: Cell) -> FamilySpace:
        """What is searched in a cell and what is fixed: what an axis says of it is."""
        return self.space_of(cell.family, latent_dim=cell.latent_dim)

    def space_of(self, family: str, *, latent_dim: int | None = None) -> FamilySpace:
        """What is searched in a family and what is fixed, the user's wishes heeded.

        Args:
            family: one of ours, or the name of a network.
            latent_dim: where the family stands on that axis; None: on none.

        Raises:
            ValueError: the family does not have what the user wishes.
        """
        wishes = self.hyperparameters.get(family, {})
        if latent_dim is not None:
            wishes = {**wishes, LATENT_DIM: latent_dim}
        if family in self.own:
            return restricted(self.own[family].family_space, wishes, family)
        if not self.match_parameters:
            wishes = {"width": FREE_WIDTH, **wishes}
        space = restricted(SPACES[family], wishes, family)
        choices = getattr(space.space.get("weights"), "choices", ())
        if any(map(is_weights_file, choices)):
            raise ValueError(
                f"hyperparameters.{family}.weights = {shown(list(choices))}: a file is given "
                "alone, and not as one of several"
            )
        file = self.weights_of(family)
        if file is None:
            return space
        return replace(space, defaults={**space.defaults, "weights": content_of(file)})

    def weights_of(self, family: str) -> str | None:
        """The file that a family of ours starts from; None where it is none of the user's.

        A trial's hyperparameters have its content in its place.
        """
        written = self.hyperparameters.get(family, {}).get("weights")
        return written if family not in self.own and is_weights_file(written) else None


def _out_of_range(value: object, error: ArithmeticError) -> str:
    return f"{shown(value)} is beyond what can be computed with ({type(error).__name__})"
