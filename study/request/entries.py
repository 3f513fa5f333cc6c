"""The tables of a study file of which there may be several: populations, networks, variants."""

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from classcomp.populations import RealData, make
from classcomp.sources import source_of
from search_spaces import SPACES, FamilySpace
from search_spaces.family import is_weights_file
from search_spaces.reading import own_space, read_space
from study.request.sections import Section, finite, shown
from study.trials.trial import UserNetwork

NAME = r"^[A-Za-z][A-Za-z0-9_]{0,31}$"
"""Of what stands beside our families."""


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
            raise ValueError(f"{self.name}: {out_of_range(self.parameters, error)}") from None
        return self


class NetworkSection(Section):
    """A network of the user's own: a torch module's class, or a scikit-learn classifier's.

    `kind`, `takes` and `matched` are found when the network is built before anything starts
    (`study.planning.preflight`), and written into the study's own file.
    """

    name: Annotated[str, Field(pattern=NAME)]
    path: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    space: dict[str, Any] = Field(default_factory=dict)
    kind: Literal["torch", "sklearn"] | None = None
    takes: Literal["vectors", "images", "any"] | None = None
    matched: bool | None = None

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        _check_free(name)
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
            # As long as nobody knows, it may.
            meets_budget=self.matched is not False and self.kind != "sklearn",
        )


class VariantSection(Section):
    """A family of ours with hyperparameters of its own, under a name of its own."""

    name: Annotated[str, Field(pattern=NAME)]
    family: str
    parameters: Annotated[dict[str, Any], Field(min_length=1)]

    @field_validator("parameters")
    @classmethod
    def _numbers_are_finite(cls, values: dict[str, Any]) -> dict[str, Any]:
        finite(values)
        return values

    @model_validator(mode="after")
    def _is_of_a_family(self) -> "VariantSection":
        _check_free(self.name)
        if self.family not in SPACES:
            raise ValueError(
                f"family = {self.family!r} is none of ours; allowed are {', '.join(SPACES)}"
            )
        if is_weights_file(self.parameters.get("weights")):
            raise ValueError(
                f"parameters.weights = {shown(self.parameters['weights'])}: a file belongs to "
                f"[hyperparameters.{self.family}]"
            )
        return self


def _check_free(name: str) -> None:
    if name in SPACES:
        raise ValueError(f"{name!r} is taken by a family of ours: {', '.join(SPACES)}")


def out_of_range(value: object, error: ArithmeticError) -> str:
    """What an error of arithmetic is to whoever wrote the value."""
    return f"{shown(value)} is beyond what can be computed with ({type(error).__name__})"
