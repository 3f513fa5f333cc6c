"""One trial, start to end: data, training, scores. Torch, and nothing of Ray."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from classcomp.designs import Design, design, population_of
from classcomp.draws import Draws, presenter
from classcomp.exhibits import exhibit_arrays
from classcomp.models import (
    TRAINING_HYPERPARAMETERS,
    Model,
    build,
    count_parameters,
    family_of,
)
from classcomp.populations import Population
from classcomp.scores import score_columns
from classcomp.tasks import TASKS, Evaluation
from classcomp.training.convergence import has_settled
from classcomp.training.dynamics import area_under_curve
from classcomp.training.loop import PassStats, Trainer
from classcomp.training.phases import COOLDOWN_PASSES, Phase, phases_of
from classcomp.trial import Outcome, Progress, Trial, head_seed, order_seed


class Experiment:
    """A trial that advances pass by pass and can be put down and taken up between passes.

    It goes through the phases of `classcomp.training.phases`: the stages before the last train
    for the budget each; the last one trains for the budget and is scored (R_n(T)); where the
    design goes further it trains on until the training risk has settled (`has_settled`), cools
    down and is scored again (R_n(inf)). A model without objectives is fitted in one pass.
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
        family = family_of(trial.family, trial.network)
        self.task = TASKS[family.task]
        takes_images = _takes_images(trial.family, family.takes, self.population)
        self.model = self._built(takes_images)
        self._stages = self.model.stages()
        self._is_fitted_at_once = not self.model.objectives()
        self._training = {} if self._is_fitted_at_once else _training_part(trial)
        self._draws = Draws(
            population=self.population,
            present=presenter(self.population, takes_images, self.device),
            device=self.device,
            streams=trial.streams,
        )
        self.design: Design = design(
            trial, self._draws, batch_size=self._training.get("batch_size")
        )
        self._phases = self._planned()
        self._phase_number = self._done = self._steps = self._seen = 0
        self._trainer = self._new_trainer()
        self._head_noise = torch.Generator().manual_seed(head_seed(trial.streams))
        self._scale = self.task.scale(self.design.head_examples)
        self._curves: list[Progress] = []
        self._metrics: dict[str, float | int | bool | None] = {
            "num_parameters": count_parameters(self.model) or None
        }
        self.finished = False

    def advance(self) -> Progress:
        """Runs one pass and whatever scoring is due after it.

        Raises:
            DivergedError: the training loss is no longer finite.
        """
        assert not self.finished, "a finished trial does not advance"
        stats = None
        if self._trainer is not None:
            examples = self.design.source.examples(len(self._curves))
            rate_from, rate_to = self._phase.rates(self._done)
            stats = self._trainer.run_pass(examples, rate_from=rate_from, rate_to=rate_to)
            self._steps += stats.num_steps
            self._seen += stats.num_examples
        else:
            self._seen += len(self.design.head_examples.labels)
        self._done += 1
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

    def exhibits(self) -> dict[str, np.ndarray]:
        """Arrays worth looking at, by `<exhibit>/<array>`; none where nothing is evaluated.

        Of the model as it is now; neither it nor any stream of the trial is changed.
        """
        if self.design.evaluation is None:
            return {}
        return exhibit_arrays(self._evaluation())

    def seconds_per_example(self) -> float:
        """Times a few optimizer steps, or one fit; the trial is not fit for use afterwards."""
        if self._trainer is None:
            begin = time.perf_counter()
            self._fit_head()
            return (time.perf_counter() - begin) / len(self.design.head_examples.labels)
        examples = self.design.source.examples(0)
        num = min(len(examples), 4 * int(self._training["batch_size"]))
        few = examples.at(torch.arange(num, device=self.device))
        seconds = []
        for _ in range(3):
            begin = time.perf_counter()
            self._trainer.run_pass(few)
            seconds.append(time.perf_counter() - begin)
        return min(seconds) / num

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the trial depends on: tensors, numbers and strings only."""
        return {
            "stages": [stage.state_dict() for stage in self._stages],
            "trainer": self._trainer.state_dict() if self._trainer is not None else None,
            "head_noise": self._head_noise.get_state(),
            "cursor": [self._phase_number, self._done, self._steps, self._seen],
            "clock": list(self._clock()),
            "metrics": dict(self._metrics),
            "curves": [asdict(p) for p in self._curves],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where `state_dict` was taken, with the same draws as without the pause."""
        for stage, weights in zip(self._stages, state["stages"], strict=True):
            stage.load_state_dict(weights)
        self._phase_number, self._done, self._steps, self._seen = state["cursor"]
        self._trainer = self._new_trainer()
        if self._trainer is not None:
            self._trainer.load_state_dict(state["trainer"])
        self._head_noise.set_state(state["head_noise"].cpu())
        self._wall_before, self._cpu_before = state["clock"]
        self._started, self._cpu_started = time.perf_counter(), time.process_time()
        self._metrics = dict(state["metrics"])
        self._curves = [Progress(**p) for p in state["curves"]]

    def _built(self, takes_images: bool) -> Model:
        shape = self.population.image_shape if takes_images else self.population.vector_shape
        assert shape is not None
        model = build(
            self.trial.family,
            network=self.trial.network,
            depth=self.trial.depth,
            input_shape=shape,
            num_classes=self.population.num_classes,
            hyperparameters=dict(self.trial.hyperparameters),
            generator=torch.Generator().manual_seed(self.trial.streams["init"]),
        ).to(self.device)
        if takes_images:
            model = model.to(memory_format=torch.channels_last)
        assert isinstance(model, self.task.needs)
        return model

    def _planned(self) -> tuple[Phase, ...]:
        if self._is_fitted_at_once:
            return (Phase(kind="fit", stage=0, num_passes=1),)
        return phases_of(
            len(self._stages),
            budget_passes=self.design.budget_passes,
            max_passes=self.design.max_passes,
            decays=self.design.decay,
        )

    @property
    def _phase(self) -> Phase:
        return self._phases[self._phase_number]

    def _new_trainer(self) -> Trainer | None:
        if self._is_fitted_at_once:
            return None
        seed = order_seed(self.trial.streams, self._phase.stage)
        return Trainer(
            self._stages[self._phase.stage],
            **self._training,
            order=torch.Generator().manual_seed(seed),
            noise=torch.Generator(self.device).manual_seed(seed),
        )

    def _clock(self) -> tuple[float, float]:
        wall = self._wall_before + time.perf_counter() - self._started
        return wall, self._cpu_before + time.process_time() - self._cpu_started

    def _record(self, stats: PassStats | None) -> Progress:
        train_risk = validation_risk = None
        if self._phase.kind != "pretrain" and self.design.tracked:
            self._fit_head()
            train_risk = self.task.risk(self.model, self.design.head_examples)
            if self.design.validation is not None:
                validation_risk = self.task.risk(self.model, self.design.validation)
        return Progress(
            step=self._steps,
            epoch=len(self._curves) + 1,
            train_loss=stats.loss if stats is not None else None,
            train_risk=train_risk,
            validation_risk=validation_risk,
            gradient_norm=stats.gradient_norm if stats is not None else None,
            wall_s=self._clock()[0],
        )

    def _turn_page(self) -> None:
        """Decides what the next pass belongs to, and scores at the ends of phases."""
        phase = self._phase
        if phase.kind == "settle":
            self._settle()
        elif self._done < phase.num_passes:
            return
        elif phase.kind == "pretrain":
            self._next_phase()
            self._trainer = self._new_trainer()
        elif phase.kind == "cooldown":
            self._score_end(converged=True)
        else:
            self._score_budget()
            if self.design.max_passes == self.design.budget_passes:
                self.finished = True
            elif phase.kind == "fit":
                self._score_end(converged=True)
            else:
                self._next_phase()
                self._settle()

    def _next_phase(self) -> None:
        self._phase_number += 1
        self._done = 0

    def _settle(self) -> None:
        """Cools down once the training risk has settled and there is room for it."""
        risks = [p.train_risk for p in self._curves if p.train_risk is not None]
        left = self._phase.num_passes - self._done
        if left >= COOLDOWN_PASSES and has_settled(risks, self._scale):
            self._next_phase()
            self._metrics["steps_to_converge"] = self._steps
        elif left == 0:
            self._score_end(converged=False)

    def _score_budget(self) -> None:
        design = self.design
        if not design.tracked:
            self._fit_head()
        if not self._is_fitted_at_once:
            risks = [p.train_risk for p in self._curves]
            self._metrics["area_under_curve"] = area_under_curve(risks, design.budget_passes)
        self._metrics["train_risk"] = self.task.risk(self.model, design.head_examples)
        if design.validation is not None:
            self._metrics["validation_risk"] = self.task.risk(self.model, design.validation)
        if design.evaluation is not None:
            evaluation = self._evaluation()
            self._metrics.update(self.task.assess(evaluation).columns)
            self._metrics.update(score_columns(evaluation))

    def _score_end(self, *, converged: bool) -> None:
        columns = self.task.assess(self._evaluation()).columns
        kept = ("risk", "excess_risk", "excess_risk_se")
        self._metrics.update({f"converged_{name}": columns.get(name) for name in kept})
        self._metrics["converged"] = converged
        self._metrics["final_train_risk"] = self._curves[-1].train_risk
        self.finished = True

    def _evaluation(self) -> Evaluation:
        """The model as it is now; what scores draw is theirs and that of all trials."""
        assert self.design.evaluation is not None
        return Evaluation(
            model=self.model,
            examples=self.design.evaluation,
            population=self.population,
            seed=self.trial.streams["evaluation"],
            present=self._draws.present,
        )

    def _fit_head(self) -> None:
        if self.model.needs_head or self._is_fitted_at_once:
            examples = self.design.head_examples
            self.model.fit_head(examples.inputs, examples.labels, self._head_noise)


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


def _training_part(trial: Trial) -> dict[str, Any]:
    return {name: trial.hyperparameters[name] for name in TRAINING_HYPERPARAMETERS}


def _takes_images(name: str, takes: str, population: Population) -> bool:
    if takes == "images" and population.image_shape is None:
        raise ValueError(
            f"{name} takes images and {population.label} has none; points are rendered where "
            "rendering is bump or plane"
        )
    return takes != "vectors" and population.image_shape is not None


def seconds_per_example(trial: Trial, *, data_dir: str | None = None) -> float:
    """Times a few optimizer steps of a trial's family: the dry run's unit of cost.

    Args:
        trial: any trial of the family, depth and population in question.
        data_dir: where real images are looked for first.

    Returns:
        Seconds of computation for one training example: forward and backward, or fitting.
    """
    return Experiment(trial, data_dir=data_dir).seconds_per_example()
