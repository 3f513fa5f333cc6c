"""A trial's parts, put together: the law, the network, the draws, the plan of its training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from classcomp.corruption import corruption_of
from classcomp.designs import Design, Training, design, population_of
from classcomp.distortions import MISSING
from classcomp.draws import Draws, Presenter
from classcomp.models import TRAINING_HYPERPARAMETERS, Model, build, family_of
from classcomp.populations import Population, RealData
from classcomp.pretraining import Start, begin_at
from classcomp.tasks import TASKS, Task
from classcomp.training.sources import Sample
from classcomp.trial import Trial

SEEKS_BEST_RULE = ("best_in_class", "slack")
"""Roles that train a network of the architecture's rules by a procedure that is not the family's"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What a trial works with.

    Attributes:
        population: the law.
        task: what its family is for.
        model: what is scored, as it starts.
        stages: what is trained, one after the other.
        draws: of the law, as the family sees them.
        design: what it is trained and scored on.
        optimizer: learning rate and weight decay; empty where there is nothing to train.
        parts: of real data how many examples there are, of pretrained weights where they are from,
            as columns of the trial table.
    """

    population: Population
    task: Task
    model: Model
    stages: tuple[Model, ...]
    draws: Draws
    design: Design
    optimizer: Mapping[str, Any]
    parts: Mapping[str, int | bool | float | str | None]


def assembled(
    trial: Trial, data_dir: str | None, device: torch.device, start: Start | None
) -> Setting:
    """Put a trial's parts together.

    Args:
        trial: what is asked.
        data_dir: where real images are looked for first.
        device: where it is to be computed.
        start: of `start_of`; None where the network stays as it is drawn.

    Raises:
        ValueError: the trial asks for something that does not exist.
    """
    family = family_of(trial.family, trial.network)
    task = TASKS[family.task]
    if trial.role in SEEKS_BEST_RULE and not task.has_best_rule:
        raise ValueError(
            f"role = {trial.role!r}: {trial.family} is for {task.name}, and no posterior says "
            "what its best rule is; it has the role limit"
        )
    population = population_of(trial, data_dir)
    takes_images = _takes_images(trial.family, family.takes, population)
    model = _built(trial, population, takes_images, device, start)
    assert isinstance(model, task.needs)
    stages = (model,) if trial.role in SEEKS_BEST_RULE else model.stages()
    missing = trial.severity if trial.distortion == MISSING else 0.0
    if missing and not model.sees_gaps:
        raise ValueError(f"distortion = {MISSING!r}: {trial.family} takes no images with gaps")
    draws = task.draws(
        population=population,
        present=Presenter(population=population, takes_images=takes_images, device=device),
        device=device,
        streams=trial.streams,
        corruption=corruption_of(trial.distortion, trial.severity),
        missing=missing,
    )
    trained = [bool(stage.objectives()) for stage in stages]
    names = TRAINING_HYPERPARAMETERS if any(trained) else ()
    optimizer = {name: trial.hyperparameters[name] for name in names}
    training = Training(
        num_stages=len(stages),
        batch_size=optimizer.pop("batch_size", None),
        ends_fitted=not trained[-1],
    )
    plan = design(trial, draws, training)
    if isinstance(plan.source, Sample):
        for stage in stages:
            stage.prepare(plan.source.inputs)
    return Setting(
        population=population,
        task=task,
        model=model,
        stages=stages,
        draws=draws,
        design=plan,
        optimizer=optimizer,
        parts={**_parts_of(population), **({} if start is None else start.columns())},
    )


def _built(
    trial: Trial,
    population: Population,
    takes_images: bool,
    device: torch.device,
    start: Start | None,
) -> Model:
    shape = population.image_shape if takes_images else population.vector_shape
    assert shape is not None
    generator = torch.Generator().manual_seed(trial.streams["init"])
    model = build(
        trial.family,
        network=trial.network,
        depth=trial.depth,
        capacity=trial.capacity,
        input_shape=shape,
        num_classes=population.num_classes,
        hyperparameters=dict(trial.hyperparameters),
        generator=generator,
    )
    if start is not None:
        begin_at(model, start)
    if trial.role in SEEKS_BEST_RULE:
        model = model.rule_of_class(generator)
    model = model.to(device)
    return model.to(memory_format=torch.channels_last) if takes_images else model


def _parts_of(population: Population) -> dict[str, int | bool]:
    if not isinstance(population, RealData):
        return {}
    parts = population.parts
    return {
        "num_available": parts.num_train,
        "num_test": parts.num_test,
        "is_resplit": parts.is_resplit,
    }


def _takes_images(name: str, takes: str, population: Population) -> bool:
    if takes == "images" and population.image_shape is None:
        raise ValueError(
            f"{name} takes images and {population.label} has none; points are rendered where "
            "rendering is bump or plane"
        )
    return takes != "vectors" and population.image_shape is not None
