"""One trial, start to end: data, training, scores. Torch, and nothing of Ray."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from classcomp.designs import Design, Examples, Trial, design, population_of
from classcomp.metrics.assessment import assess, predict, risk_of
from classcomp.metrics.divergence import diagnose
from classcomp.metrics.dynamics import area_under_curve
from classcomp.models import FAMILIES, TRAINING_HYPERPARAMETERS, build, count_parameters
from classcomp.populations import Population
from classcomp.training.convergence import has_settled
from classcomp.training.loop import PassStats, Trainer

COOLDOWN_PASSES = 10
"""Epochs over which the rate falls to zero once the training risk has settled, so that the rule
scored as converged is not one step of a walk around it (Hu et al., 2024, call it WSD)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """A trial after one pass; a row of `curves.parquet`.

    Attributes:
        step: optimizer steps so far, all stages.
        epoch: passes so far, all stages.
        train_loss: mean objective over the pass, nats where it is a likelihood.
        train_risk: 0-1 risk on the (noisy) training labels, or None where it was not computed.
        validation_risk: 0-1 risk on the search's validation examples, or None.
        gradient_norm: at the pass's last step.
        wall_s: seconds of computation so far.
    """

    step: int
    epoch: int
    train_loss: float
    train_risk: float | None
    validation_risk: float | None
    gradient_norm: float
    wall_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a finished trial found: columns of the trial table by name, and its curve."""

    metrics: Mapping[str, float | int | bool | None]
    curves: tuple[Progress, ...]


class Experiment:
    """A trial that advances pass by pass and can be put down and taken up between passes.

    Phases: the stages before the last train for the budget each; the last one trains for the
    budget and is scored (R_n(T)); where the design goes further it trains on until the training
    risk has settled (`has_settled`), cools down and is scored again (R_n(inf)).
    """

    def __init__(
        self, trial: Trial, *, data_dir: str | None = None, device: str | None = None
    ) -> None:
        """Prepares data and model.

        Args:
            trial: what is asked.
            data_dir: where real images are looked for first.
            device: a torch device; None takes a GPU where one is visible.

        Raises:
            ValueError: the trial asks for something that does not exist.
        """
        self._started, self._cpu_started = time.perf_counter(), time.process_time()
        self._wall_before = self._cpu_before = 0.0
        self.trial = trial
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.population = population_of(trial, data_dir)
        takes_images = _takes_images(trial.family, self.population)
        self._present = _presenter(self.population, takes_images, self.device)
        hyperparameters = dict(trial.hyperparameters)
        self._training = {name: hyperparameters.pop(name) for name in TRAINING_HYPERPARAMETERS}
        self.design: Design = design(
            trial,
            self.population,
            batch_size=self._training["batch_size"],
            present=self._present,
            device=self.device,
        )
        shape = self.population.image_shape if takes_images else self.population.vector_shape
        self.model = build(
            trial.family,
            depth=trial.depth,
            input_shape=tuple(shape),
            num_classes=self.population.num_classes,
            hyperparameters=hyperparameters,
            generator=torch.Generator().manual_seed(trial.streams["init"]),
        ).to(self.device)
        if takes_images:
            self.model = self.model.to(memory_format=torch.channels_last)
        self.stages = self.model.stages()
        self._trainer = self._new_trainer(0)
        self._head_noise = torch.Generator().manual_seed(trial.streams["init"] + 1)
        self._stage = 0
        self._pass_in_stage = 0
        self._cooldown_from: int | None = None
        self._steps = self._seen = 0
        self._curves: list[Progress] = []
        self._metrics: dict[str, float | int | bool | None] = {
            "num_parameters": count_parameters(self.model)
        }
        self.finished = False

    def advance(self) -> Progress:
        """Runs one pass and whatever scoring is due after it.

        Raises:
            DivergedError: the training loss is no longer finite.
        """
        assert not self.finished, "a finished trial does not advance"
        examples = self.design.source.examples(
            self._pass_in_stage + self._stage * self.design.budget_passes
        )
        rate_from, rate_to = self._rates()
        stats = self._trainer.run_pass(examples, rate_from=rate_from, rate_to=rate_to)
        self._pass_in_stage += 1
        self._steps += stats.num_steps
        self._seen += stats.num_examples
        progress = self._record(stats)
        self._curves.append(progress)
        self._turn_page()
        return progress

    @property
    def outcome(self) -> Outcome:
        """Scores so far; complete once `finished`."""
        wall_s, cpu_s = self._clock()
        costs = {
            "steps": self._steps,
            "examples_seen": self._seen,
            "wall_s": wall_s,
            "cpu_s": cpu_s,
        }
        return Outcome(metrics={**self._metrics, **costs}, curves=tuple(self._curves))

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the trial depends on: tensors, numbers and strings only."""
        return {
            "stages": [stage.state_dict() for stage in self.stages],
            "trainer": self._trainer.state_dict(),
            "head_noise": self._head_noise.get_state(),
            "cursor": [self._stage, self._pass_in_stage, self._steps, self._seen],
            "cooldown_from": self._cooldown_from,
            "clock": list(self._clock()),
            "metrics": dict(self._metrics),
            "curves": [asdict(p) for p in self._curves],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where `state_dict` was taken, with the same draws as without the pause."""
        for stage, weights in zip(self.stages, state["stages"], strict=True):
            stage.load_state_dict(weights)
        self._stage, self._pass_in_stage, self._steps, self._seen = state["cursor"]
        self._trainer = self._new_trainer(self._stage)
        self._trainer.load_state_dict(state["trainer"])
        self._head_noise.set_state(state["head_noise"].cpu())
        self._cooldown_from = state["cooldown_from"]
        self._wall_before, self._cpu_before = state["clock"]
        self._started, self._cpu_started = time.perf_counter(), time.process_time()
        self._metrics = dict(state["metrics"])
        self._curves = [Progress(**p) for p in state["curves"]]

    def _new_trainer(self, stage: int) -> Trainer:
        seed = self.trial.streams["order"] + stage
        return Trainer(
            self.stages[stage],
            **self._training,
            order=torch.Generator().manual_seed(seed),
            noise=torch.Generator(self.device).manual_seed(seed),
        )

    def _clock(self) -> tuple[float, float]:
        wall = self._wall_before + time.perf_counter() - self._started
        return wall, self._cpu_before + time.process_time() - self._cpu_started

    @property
    def _is_last_stage(self) -> bool:
        return self._stage == len(self.stages) - 1

    def _rates(self) -> tuple[float, float]:
        done = self._pass_in_stage
        if self._cooldown_from is not None:
            into = done - self._cooldown_from
            return 1 - into / COOLDOWN_PASSES, 1 - (into + 1) / COOLDOWN_PASSES
        if self.design.decay:
            return 1 - done / self.design.budget_passes, 1 - (done + 1) / self.design.budget_passes
        return 1.0, 1.0

    def _record(self, stats: PassStats) -> Progress:
        train_risk = validation_risk = None
        if self._is_last_stage and self.design.tracked:
            self._fit_head()
            train_risk = risk_of(self.model, *self.design.head_examples)
            if self.design.validation is not None:
                held_out = self.design.validation
                validation_risk = risk_of(self.model, held_out.inputs, held_out.labels)
        return Progress(
            step=self._steps,
            epoch=len(self._curves) + 1,
            train_loss=stats.loss,
            train_risk=train_risk,
            validation_risk=validation_risk,
            gradient_norm=stats.gradient_norm,
            wall_s=self._clock()[0],
        )

    def _turn_page(self) -> None:
        """Decides what the next pass belongs to, and scores at the ends of phases."""
        if self._pass_in_stage < self.design.budget_passes:
            return
        if not self._is_last_stage:
            self._stage += 1
            self._pass_in_stage = 0
            self._trainer = self._new_trainer(self._stage)
            return
        if self._pass_in_stage == self.design.budget_passes:
            self._score_budget()
        if self.design.max_passes == self.design.budget_passes:
            self.finished = True
            return
        self._settle()

    def _settle(self) -> None:
        risks = [p.train_risk for p in self._curves if p.train_risk is not None]
        if self._cooldown_from is None:
            latest = self.design.max_passes - COOLDOWN_PASSES
            if has_settled(risks) and self._pass_in_stage <= latest:
                self._cooldown_from = self._pass_in_stage
                self._metrics["steps_to_converge"] = self._steps
        elif self._pass_in_stage == self._cooldown_from + COOLDOWN_PASSES:
            self._score_end(converged=True)
            return
        if self._pass_in_stage == self.design.max_passes:
            self._score_end(converged=False)

    def _score_budget(self) -> None:
        design = self.design
        if not design.tracked:
            self._fit_head()
        risks = [p.train_risk for p in self._curves]
        self._metrics["area_under_curve"] = area_under_curve(risks, design.budget_passes)
        self._metrics["train_risk"] = risk_of(self.model, *design.head_examples)
        if design.validation is not None:
            self._metrics["validation_risk"] = self._held_out_risk(design.validation)
        if design.evaluation is not None:
            self._metrics.update(self._assess(design.evaluation))
            self._metrics.update(self._diagnose(design.evaluation))

    def _score_end(self, *, converged: bool) -> None:
        assert self.design.evaluation is not None
        scores = self._assess(self.design.evaluation)
        kept = ("risk", "excess_risk", "excess_risk_se")
        self._metrics.update({f"converged_{name}": scores.get(name) for name in kept})
        self._metrics["converged"] = converged
        self._metrics["final_train_risk"] = self._curves[-1].train_risk
        self.finished = True

    def _assess(self, examples: Examples) -> dict[str, float | None]:
        return assess(self.model, examples, self.population)

    def _diagnose(self, examples: Examples) -> dict[str, float]:
        """What the family says of itself; its draws are its own and those of all trials."""
        noise = torch.Generator().manual_seed(self.trial.streams["evaluation"])
        return diagnose(self.model, examples.inputs, examples.log_density, noise)

    def _held_out_risk(self, examples: Examples) -> float:
        """Risk on the draw that chooses; weighted by the posterior where it is known."""
        if examples.posterior is None:
            return risk_of(self.model, examples.inputs, examples.labels)
        chosen = predict(self.model, examples.inputs)
        eta = examples.posterior
        return float(1.0 - eta[np.arange(len(eta)), chosen].mean())

    def _fit_head(self) -> None:
        if self.model.needs_head:
            self.model.fit_head(*self.design.head_examples, self._head_noise)


def run(
    trial: Trial,
    report: Callable[[Progress], None] | None = None,
    *,
    data_dir: str | None = None,
    device: str | None = None,
) -> Outcome:
    """Runs one trial to its end.

    Args:
        trial: what is asked.
        report: called after every pass.
        data_dir: where real images are looked for first.
        device: a torch device; None takes a GPU where one is visible.

    Raises:
        ValueError: the trial asks for something that does not exist.
        DivergedError: the training loss is no longer finite.
    """
    experiment = Experiment(trial, data_dir=data_dir, device=device)
    while not experiment.finished:
        progress = experiment.advance()
        if report is not None:
            report(progress)
    return experiment.outcome


def _takes_images(family: str, population: Population) -> bool:
    if family not in FAMILIES:
        raise ValueError(f"family = {family!r}: allowed are {', '.join(FAMILIES)}")
    takes = FAMILIES[family].module.takes
    if takes == "images" and population.image_shape is None:
        raise ValueError(
            f'{family} takes images, {population.label} has rendering = "none": '
            "allowed are bump, plane"
        )
    return takes != "vectors" and population.image_shape is not None


def _presenter(
    population: Population, takes_images: bool, device: torch.device
) -> Callable[[np.ndarray], Tensor]:
    def present(x: np.ndarray) -> Tensor:
        shown = population.images(x) if takes_images else population.vectors(x)
        tensor = torch.from_numpy(np.ascontiguousarray(shown, dtype=np.float32)).to(device)
        return tensor.contiguous(memory_format=torch.channels_last) if takes_images else tensor

    return present


def seconds_per_example(trial: Trial, *, data_dir: str | None = None) -> float:
    """Times a few optimizer steps of a trial's family: the dry run's unit of cost.

    Args:
        trial: any trial of the family, depth and population in question.
        data_dir: where real images are looked for first.

    Returns:
        Seconds of computation for one training example, forward and backward.
    """
    experiment = Experiment(trial, data_dir=data_dir)
    examples = experiment.design.source.examples(0)
    num = min(len(examples), 4 * experiment._training["batch_size"])
    few = examples.at(torch.arange(num, device=experiment.device))
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        experiment._trainer.run_pass(few)
        seconds.append(time.perf_counter() - begin)
    assert math.isfinite(seconds[-1])
    return min(seconds) / num
