"""One trial, start to end: data, training, scores. Torch, and nothing of Ray."""

import copy
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from classcomp.assembly import SEEKS_BEST_RULE, assembled
from classcomp.exhibits import exhibit_arrays, law_arrays, looks_arrays
from classcomp.exhibits.corrupted import corrupted_arrays
from classcomp.exhibits.fitted import fitted_arrays
from classcomp.models import count_parameters
from classcomp.pretraining import start_of
from classcomp.scoring import Scorer, classes_of, law_of
from classcomp.tasks import Evaluation
from classcomp.training.best_in_class import Search, new_search
from classcomp.training.dynamics import area_under_curve
from classcomp.training.loop import Pass, PassStats, Trainer
from classcomp.training.phases import TRUNK, Phase
from classcomp.training.sources import FreshStream
from classcomp.trial import Outcome, Progress, Trial
from classcomp.trunk import Trunk, as_arrays, as_tensors


class Experiment:
    """A trial that advances pass by pass and can be put down and taken up between passes.

    It goes through the phases that its design plans (`classcomp.training.phases`). A measured
    trial leaves the trunk of its trajectory twice: at T for R_n(T), and once it has settled for
    R_n(inf). A model without objectives is fitted in one pass.
    """

    def __init__(
        self,
        trial: Trial,
        *,
        data_dir: str | None = None,
        device: str | None = None,
        is_pretrained: bool = True,
    ) -> None:
        """Prepares data and model.

        Args:
            trial: what is asked.
            data_dir: where real images are looked for first.
            device: a torch device; None takes a GPU where one is visible.
            is_pretrained: False starts a pretrained family at weights that are drawn.

        Raises:
            ValueError: the trial asks for something that does not exist.
        """
        # Before the clock starts: weights are made for all trials, whichever happens to be first.
        starts = is_pretrained and trial.role not in SEEKS_BEST_RULE
        start = start_of(trial, data_dir) if starts else None
        self._started, self._cpu_started = time.perf_counter(), time.process_time()
        self._wall_before = self._cpu_before = 0.0
        self.trial = trial
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        setting = assembled(trial, data_dir, self.device, start)
        self.population, self.task, self.design = setting.population, setting.task, setting.design
        self.model, self._stages = setting.model, setting.stages
        self._draws, self._optimizer = setting.draws, setting.optimizer
        self._phase_number = self._done = self._step = self._steps = self._seen = self._place = 0
        self._trainer: Trainer | Search | None = None
        self._head_noise = torch.Generator().manual_seed(trial.streams["head"])
        self._curves: list[Progress] = []
        self._metrics: dict[str, float | int | bool | str | None] = {
            "num_parameters": count_parameters(self.model) or None,
            **setting.parts,
        }
        judged = (self.model, self.task, self.design, self._evaluation)
        self._scorer, self._trunk = Scorer(*judged, trial.scored_under), Trunk(trial, *judged)
        self._fork: dict[str, Any] | None = None
        self._enter_phase()
        self.finished = False

    def next_pass(self) -> Pass | None:
        """The pass that `advance` would make; None where it is no trainer's."""
        if not isinstance(self._trainer, Trainer):
            return None
        phase, num_steps = self._phase, self._phase.steps_after(self._done)
        return Pass(
            trainer=self._trainer,
            examples=self.design.source.examples(self._place, num_steps * phase.batch_size),
            batch_size=phase.batch_size,
            rate_from=phase.rate_after(self._done),
            rate_to=phase.rate_after(self._done + num_steps),
        )

    def advance(self, made: PassStats | None = None) -> Progress:
        """Runs one pass, or takes one `made` of `next_pass`, and whatever scoring is due after it.

        Raises:
            DivergedError: the training loss is no longer finite.
        """
        assert not self.finished, "a finished trial does not advance"
        phase, stats, num_steps = self._phase, made, self._phase.steps_after(self._done)
        if isinstance(self._trainer, Search):
            stats = self._trainer.advance()
            self._done += self._trainer.finished
        else:
            if stats is None and (planned := self.next_pass()) is not None:
                stats = planned.run()
            if stats is None:
                self._seen += len(self.design.head_examples.labels)
            self._done += num_steps
        if stats is not None:
            self._place += stats.num_examples
            self._seen += stats.num_examples
            self._step += stats.num_steps
            self._steps += stats.num_steps
        progress = self._record(stats)
        if phase.kind in TRUNK:
            progress = self._trunk.follow(progress, num_steps)
        self._curves.append(progress)
        if phase.kind in TRUNK and len(self._curves).bit_count() == 1:
            self._trunk.look(self._step)
        self._turn_page()
        return progress

    @property
    def outcome(self) -> Outcome:
        """Scores so far; complete once `finished`."""
        metrics = {**self._metrics, "steps": self._steps, "examples_seen": self._seen}
        metrics["wall_s"], metrics["cpu_s"] = self._clock()
        return Outcome(metrics=metrics, curves=tuple(self._curves))

    @property
    def decisions(self) -> dict[str, np.ndarray]:
        """What is kept of the rules that were scored, on the evaluation sample.

        Of a classifier budget, converged: classes `(N,)`; log_probabilities,
        converged_log_probabilities: natural logarithms `(NUM_PREDICTIONS, K)` in float16, of the
        sample's first examples. Of another task budget_terms, converged_terms: `(N,)` in the
        unit of its risk, float16 where that is enough (`classcomp.tasks.base.rounded_terms`).
        """
        return dict(self._scorer.kept)

    @property
    def law(self) -> dict[str, np.ndarray]:
        """The evaluation sample's `posterior` `(N, K)`; of real data its `labels` `(N,)`."""
        return law_of(held, self.population) if (held := self.design.evaluation) else {}

    @property
    def classes(self) -> dict[str, np.ndarray]:
        """Of the evaluation sample the `labels` `(N,)`; `class_names` `(K,)` where there are."""
        return classes_of(held, self.population) if (held := self.design.evaluation) else {}

    def exhibits(self, *, is_first: bool = True) -> dict[str, np.ndarray]:
        """Arrays worth looking at, by `<exhibit>/<array>`; none where nothing is evaluated.

        Of the model as it is, and of what it was after 1, 2, 4, 8, ... passes where those are of
        the trunk; of a cell's later seeds those with numbers alone. Nothing of the trial changes.
        """
        held = self.design.evaluation
        now = exhibit_arrays(self._evaluation(), is_first=is_first) if held else {}
        return now | looks_arrays(self._trunk.looks) if is_first else now

    def law_exhibits(self) -> dict[str, np.ndarray]:
        """PCA and t-SNE of the evaluation sample, of the law alone; none without two latents."""
        return {} if self.design.evaluation is None else law_arrays(self._evaluation())

    def corrupted_images(self) -> dict[str, np.ndarray]:
        """Some training images as they were, and as corruption has left them; maybe none."""
        return corrupted_arrays(self._draws, self.trial.num_train)

    def law_samples(self) -> dict[str, np.ndarray]:
        """Images of a law that was fitted to a set, by class, and maybe of the set; maybe none."""
        return fitted_arrays(self.population, seed=self.trial.streams["evaluation"])

    def seconds_per_scoring(self) -> float:
        """Processor time of scoring the rule as it is, by all scores there are."""
        begin = time.process_time()
        self._fit_head()
        self._scorer.at_budget()
        return time.process_time() - begin

    def seconds_per_example(self) -> float:
        """Processor time of a few steps, or one fit; the trial is not fit for use afterwards."""
        if not isinstance(self._trainer, Trainer):
            begin, num = time.process_time(), len(self.design.head_examples.labels)
            if self._trainer is None:
                self._fit_head()
            else:
                num = self._trainer.advance().num_examples
            return (time.process_time() - begin) / num
        few = self.design.source.examples(0, 4 * self._phase.batch_size)
        seconds = []
        for _ in range(3):
            begin = time.process_time()
            self._trainer.run_pass(few, batch_size=self._phase.batch_size)
            seconds.append(time.process_time() - begin)
        return min(seconds) / len(few)

    def state_dict(self) -> dict[str, Any]:
        """All that the rest of the trial depends on: tensors, numbers and strings only."""
        return {
            "now": self._position(),
            "fork": self._fork,
            "phase": [self._phase_number, self._done, self._steps, self._seen],
            "clock": list(self._clock()),
            "metrics": dict(self._metrics),
            "curves": [asdict(p) for p in self._curves],
            "trunk": self._trunk.state_dict(),
            "kept": as_tensors(self._scorer.kept),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where `state_dict` was taken, with the same draws as without the pause."""
        self._phase_number, self._done, self._steps, self._seen = state["phase"]
        self._enter_phase()
        self._return_to(state["now"])
        self._fork = state["fork"]
        self._wall_before, self._cpu_before = state["clock"]
        self._started, self._cpu_started = time.perf_counter(), time.process_time()
        self._metrics = dict(state["metrics"])
        self._curves = [Progress(**p) for p in state["curves"]]
        self._trunk.load_state_dict(state["trunk"])
        self._scorer.kept = as_arrays(state["kept"])

    @property
    def _phase(self) -> Phase:
        return self.design.phases[self._phase_number]

    def _enter_phase(self) -> None:
        """Gives a new stage its trainer, and marks where a branch leaves the trunk."""
        stage = self._stages[self._phase.stage]
        if not isinstance(self._trainer, Trainer) or self._trainer.stage is not stage:
            self._trainer = self._new_trainer()
        if self._phase.kind == "cooldown" and self._phase is not self.design.phases[-1]:
            self._fork = self._position()

    def _new_trainer(self) -> Trainer | Search | None:
        if self._phase.kind == "fit":
            return None
        if self._phase.kind == "search":
            source, seed = self.design.source, self.trial.streams["data"]
            assert isinstance(source, FreshStream)
            return new_search(self.model, source, self.trial.num_train, seed=seed)
        seed = self.trial.streams["loss"]
        return Trainer(
            self._stages[self._phase.stage],
            **self._optimizer,
            noise=torch.Generator(self.device).manual_seed(seed),
        )

    def _position(self) -> dict[str, Any]:
        """Where the trajectory is: what training from here on depends on."""
        held = {
            "stages": [stage.state_dict() for stage in self._stages],
            "trainer": self._trainer.state_dict() if self._trainer is not None else None,
            "head_noise": self._head_noise.get_state(),
            "place": [self._place, self._step],
        }
        return copy.deepcopy(held)

    def _return_to(self, position: dict[str, Any]) -> None:
        for stage, weights in zip(self._stages, position["stages"], strict=True):
            stage.load_state_dict(weights)
        if self._trainer is not None:
            self._trainer.load_state_dict(position["trainer"])
        self._head_noise.set_state(position["head_noise"].cpu())
        self._place, self._step = position["place"]

    @property
    def position(self) -> tuple[int, int]:
        """The stage that is trained, and the optimizer steps up to here."""
        return self._phase.stage, self._step

    def wait(self, wall_s: float, cpu_s: float) -> None:
        """Takes off its clock what others have worked meanwhile."""
        self._wall_before -= wall_s
        self._cpu_before -= cpu_s

    def _clock(self) -> tuple[float, float]:
        wall = self._wall_before + time.perf_counter() - self._started
        return wall, self._cpu_before + time.process_time() - self._cpu_started

    def _record(self, stats: PassStats | None) -> Progress:
        train_risk = validation_risk = None
        if self._phase.kind != "pretrain" and self.design.is_tracked:
            self._fit_head()
            train_risk = self.task.risk(self.model, self.design.head_examples)
            if self.design.validation is not None:
                validation_risk = self.task.risk(self.model, self.design.validation)
        return Progress(
            phase=self._phase.kind,
            step=self._step,
            epoch=max(self._place, self._seen if stats is None else 0) / self.design.epoch,
            train_loss=stats.loss if stats is not None else None,
            train_risk=train_risk,
            validation_risk=validation_risk,
            gradient_norm=stats.gradient_norm if stats is not None else None,
            wall_s=self._clock()[0],
        )

    def _turn_page(self) -> None:
        """Decides what the next pass belongs to, and scores at the ends of branches."""
        phase, is_last = self._phase, self._phase_number == len(self.design.phases) - 1
        if phase.kind == "settle" and self._has_settled() and self._trunk.ends_settled:
            self._next_phase()
        elif self._done < phase.num_steps:
            return
        elif phase.kind == "final_cooldown":
            self._score_end()
            self.finished = True
        elif phase.kind in ("cooldown", "fit") or is_last:
            self._score_budget()
            self.finished = is_last
            if not is_last:
                self._go_on_from_fork()
            elif phase.kind == "fit" and self.design.is_tracked and self.design.evaluation:
                self._metrics["converged"] = True
                self._score_end()
        else:
            if phase.kind == "settle":
                self._metrics.setdefault("converged", False)
            self._next_phase()

    def _next_phase(self) -> None:
        self._phase_number += 1
        self._done = 0
        self._enter_phase()

    def _go_on_from_fork(self) -> None:
        """Back to where the branch to R_n(T) left the trunk, unless all has settled by then."""
        assert self._fork is not None
        if self._has_settled() and self._trunk.ends_settled:
            self._score_end()
            self.finished = True
            return
        self._return_to(self._fork)
        self._fork = None
        self._next_phase()

    def _has_settled(self) -> bool:
        if self._trunk.has_settled:
            after = self._trunk.settled_after
            self._metrics |= {"converged": True, "steps_to_converge": after}
        return self._trunk.has_settled

    def _score_budget(self) -> None:
        if not self.design.is_tracked:
            self._fit_head()
        elif self._trainer is not None:
            self._metrics["area_under_curve"] = area_under_curve(self._curves)
        self._metrics |= self._scorer.at_budget(self._curves[-1])

    def _score_end(self) -> None:
        self._metrics |= self._scorer.at_end(self._curves[-1])

    def _evaluation(self, corrupted: str | None = None) -> Evaluation:
        """The model as it is now; what scores draw is theirs and that of all trials."""
        examples = self.design.evaluation
        assert examples is not None
        return Evaluation(
            model=self.model,
            examples=examples if corrupted is None else self._draws.corrupted(examples, corrupted),
            population=self.population,
            seed=self.trial.streams["evaluation"],
            present=self._draws.present,
        )

    def _fit_head(self) -> None:
        if self.model.needs_head or self._trainer is None:
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
