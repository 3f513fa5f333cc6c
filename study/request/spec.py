"""A study file, validated: what is asked. docs/study-files.md lists every key."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from itertools import product
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from classcomp.distortions import MISSING, NEUTRAL, distort
from classcomp.populations import make
from classcomp.sources import content_of
from search_spaces import FREE_WIDTH, SPACES, TRAINING_HYPERPARAMETERS, FamilySpace
from search_spaces.family import is_weights_file
from search_spaces.reading import restricted
from study.request.entries import (
    NetworkSection,
    PopulationSection,
    VariantSection,
    out_of_range,
)
from study.request.sections import (
    LARGEST,
    BestInClassSection,
    CrossValidationSection,
    LimitSection,
    LogSection,
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
from study.trials.schema import NEUTRAL_SEVERITY
from study.trials.tasks import task_of
from study.trials.trial import UNDISTORTED, Cell, UserNetwork

Number = Annotated[int, Field(ge=8, le=LARGEST, strict=True)]
Depth = Annotated[int, Field(ge=1, le=8, strict=True)]
Capacity = Annotated[float, Field(ge=2**-10, le=2**10, strict=True)]
LATENT_DIM = "latent_dim"
FEWEST_FIRST = 5
"""Seeds from which a spread may be judged that decides how many more there are."""


class StudySpec(Section):
    """A study file, validated."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    families: Annotated[tuple[str, ...], Field(min_length=1)]
    depths: Annotated[tuple[Depth, ...], Field(min_length=1)]
    latent_dims: tuple[PositiveInt, ...] = ()
    capacity: tuple[Capacity, ...] = ()
    seeds: PositiveInt = 10
    precision: Annotated[float, Field(gt=0)] | None = None
    max_seeds: PositiveInt | None = None
    max_failed_share: Probability = 0.5
    match_parameters: Annotated[bool, Field(strict=True)] = True
    allow_mixed_code: Annotated[bool, Field(strict=True)] = False
    num_train: Annotated[tuple[Number, ...], Field(min_length=1)]
    distorted_num_train: tuple[Number, ...] = ()
    distorted_depths: tuple[Depth, ...] = ()
    populations: Annotated[tuple[PopulationSection, ...], Field(min_length=1)]
    networks: tuple[NetworkSection, ...] = ()
    variants: tuple[VariantSection, ...] = ()
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
    log: LogSection = LogSection()

    _no_value_twice = field_validator(
        *("families", "depths", "latent_dims", "capacity", "num_train"),
        *("distorted_num_train", "distorted_depths"),
    )(unique)

    @field_validator("networks", "variants")
    @classmethod
    def _no_name_twice(cls, named: tuple[Any, ...]) -> tuple[Any, ...]:
        unique([one.name for one in named])
        return named

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
    def _distortions_are_somewhere(self) -> "StudySpec":
        is_undistorted_measured = not self.distortions or any(
            NEUTRAL_SEVERITY[name] in severities for name, severities in self.distortions.items()
        )
        for key in ("num_train", "depths"):
            some, every = getattr(self, f"distorted_{key}"), getattr(self, key)
            wanted = f"distorted_{key} = {list(some)}"
            if not set(some) <= set(every):
                raise ValueError(f"{wanted}: allowed are some of {key} = {list(every)}")
            if some and not is_undistorted_measured:
                raise ValueError(
                    f"{wanted}: allowed where a distortion has a severity that leaves samples as "
                    f"they are, which the other {key} are for"
                )
        return self

    @model_validator(mode="after")
    def _families_exist(self) -> "StudySpec":
        ours = [*SPACES, *self.own]
        known = [*ours, *self.variant]
        for name in self.variant:
            if name in self.own:
                raise ValueError(f"variants: {name!r} is taken by a network of yours")
        for key, names, allowed in (
            ("families", self.families, known),
            ("hyperparameters", self.hyperparameters, ours),
        ):
            for name in names:
                if name not in allowed:
                    listed = ", ".join(allowed)
                    raise ValueError(f"{key}: {name!r} is no family; allowed are {listed}")
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
            if LATENT_DIM in self.wishes_of(family):
                raise ValueError(
                    f"hyperparameters.{family}.{LATENT_DIM} = "
                    f"{shown(self.wishes_of(family)[LATENT_DIM])}: allowed is it or "
                    f"latent_dims = {list(self.latent_dims)}, not both"
                )
            for latent_dim in self.latent_dims:
                limits = self.space_of(family).limits.get(LATENT_DIM)
                if limits is not None and not limits.contains(latent_dim):
                    raise ValueError(f"latent_dims = {latent_dim}: must be {limits} ({family})")
        return self

    @model_validator(mode="after")
    def _capacity_is_of_a_family(self) -> "StudySpec":
        if not self.capacity:
            return self
        wanted = f"capacity = {list(self.capacity)}"
        if not self.match_parameters:
            raise ValueError(f"{wanted}: allowed with match_parameters = true only")
        if not any(self.space_of(name).has_matched_width for name in self.families):
            raise ValueError(
                f"{wanted}: no width of families = {shown(self.families)} is matched to a budget; "
                "allowed with a family of which no width is given, and which has one"
            )
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
                        what = out_of_range(severity, error)
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
    def _gaps_are_seen(self) -> "StudySpec":
        blind = [name for name in self.families if not self.space_of(name).sees_gaps]
        if any(self.distortions.get(MISSING, ())) and blind:
            able = ", ".join(name for name, space in SPACES.items() if space.sees_gaps)
            raise ValueError(
                f"distortions.{MISSING}: {', '.join(blind)} cannot take images of which pixels are "
                f"missing; allowed are {able}"
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

    @property
    def variant(self) -> Mapping[str, VariantSection]:
        """Variants of families by name."""
        return {variant.name: variant for variant in self.variants}

    def variant_of(self, family: str) -> str | None:
        """The family of ours that a variant is of; None for what is none."""
        return self.variant[family].family if family in self.variant else None

    def network_family(self, family: str) -> str:
        """The family whose network is trained: a variant's is its family's."""
        return self.variant_of(family) or family

    def network_of(self, family: str) -> UserNetwork | None:
        """The user's own network of this name; None for a family of ours."""
        return self.own[family].network if family in self.own else None

    def is_fitted(self, family: str) -> bool:
        """Whether a family is fitted at once, and has no gradient."""
        if family in self.own:
            return self.own[family].kind == "sklearn"
        return not set(TRAINING_HYPERPARAMETERS) <= set(
            SPACES[self.network_family(family)].defaults
        )

    def is_measured(self, distortion: str, num_train: int, depth: int) -> bool:
        """Whether a distortion, or none, is measured at a sample size and depth of the study."""
        return distortion == UNDISTORTED or (num_train, depth) in self.distorted_places

    @cached_property
    def distorted_places(self) -> frozenset[tuple[int, int]]:
        """Sample sizes and depths that distortions are measured at."""
        sizes, depths = self.distorted_num_train, self.distorted_depths
        return frozenset(product(sizes or self.num_train, depths or self.depths))

    def latent_dims_of(self, family: str) -> tuple[int | None, ...]:
        """Where a family stands on the axis: everywhere, or once where it has no such dimension."""
        has_it = LATENT_DIM in self.space_of(family).defaults
        return self.latent_dims if self.latent_dims and has_it else (None,)

    def capacities_of(self, family: str) -> tuple[float | None, ...]:
        """Where a family stands on that axis: everywhere, or once where it meets no budget."""
        has_it = self.capacity and self.space_of(family).has_matched_width
        return self.capacity if has_it else (None,)

    def space_at(self, cell: Cell) -> FamilySpace:
        """What is searched in a cell and what is fixed: what an axis says of it is."""
        return self.space_of(cell.family, latent_dim=cell.latent_dim)

    def space_of(self, family: str, *, latent_dim: int | None = None) -> FamilySpace:
        """What is searched in a family and what is fixed, the user's wishes heeded.

        Args:
            family: one of ours, or the name of a network or variant.
            latent_dim: where the family stands on that axis; None: on none.

        Raises:
            ValueError: the family does not have what the user wishes.
        """
        of = self.network_family(family)
        wishes = self.hyperparameters.get(of, {})
        if latent_dim is not None:
            wishes = {**wishes, LATENT_DIM: latent_dim}
        if family in self.own:
            return restricted(self.own[family].family_space, wishes, family)
        if not self.match_parameters:
            wishes = {"width": FREE_WIDTH, **wishes}
        space = restricted(SPACES[of], wishes, of)
        if family in self.variant:
            place = f"variants.{family}.parameters"
            space = restricted(space, self.variant[family].parameters, family, place=place)
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
        written = self.wishes_of(family).get("weights")
        return written if family not in self.own and is_weights_file(written) else None

    def wishes_of(self, family: str) -> Mapping[str, Any]:
        """What is written of a family's hyperparameters; a variant has its family's and its own."""
        own = self.variant[family].parameters if family in self.variant else {}
        return {**self.hyperparameters.get(self.network_family(family), {}), **own}
