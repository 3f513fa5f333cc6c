"""Seeds of one trial trained side by side, as one stacked network where that can be."""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from classcomp.experiment import Experiment
from classcomp.training.loop import Pass, PassStats
from classcomp.training.stacked import run_stacked_pass, why_not
from classcomp.trial import Outcome


class Cohort:
    """Experiments that advance together, each to what it would have come to alone.

    Those that stand at the same place make their pass as one (`classcomp.training.stacked`), to
    float precision what each would have done. What cannot be stacked is trained one after
    another: a family's reason is `reasons`. One alone is trained as if there were no cohort, to the
    same bits. Scores, branches and settling are each one's own.

    Attributes:
        experiments: by seed, as they were given.
        errors: of experiments that failed, by their place; the others go on.
        reasons: by stage, why its seeds are not stacked; None: they are.
    """

    def __init__(self, experiments: Iterable[Experiment]) -> None:
        """Takes them up, one after another: a generator's first rests while it makes its second.

        Args:
            experiments: whose trials differ in their streams alone.

        Raises:
            ValueError: they differ otherwise.
        """
        self.experiments: list[Experiment] = []
        self.errors: dict[int, Exception] = {}
        self.reasons: dict[int, str | None] = {}
        self._left: list[tuple[float, float]] = []
        for experiment in experiments:
            self.experiments.append(experiment)
            self._left.append(_now())
        first, *others = [experiment.trial for experiment in self.experiments]
        if any(replace(trial, streams=first.streams) != first for trial in others):
            raise ValueError("trials of a cohort may differ in their streams alone")

    @property
    def finished(self) -> bool:
        """Whether every experiment has finished or failed."""
        return not self._running

    def advance(self) -> None:
        """Makes one pass of every experiment that goes on."""
        together: dict[Any, list[tuple[int, Pass]]] = defaultdict(list)
        running = self._running
        for place in running:
            planned = self.experiments[place].next_pass() if len(running) > 1 else None
            if planned is None or self._reason(place, planned) is not None:
                self._take(place, None, (0.0, 0.0))
            else:
                together[self._standing(place, planned)].append((place, planned))
        for group in together.values():
            begin = _now()
            found = _made([planned for _, planned in group])
            share = [(end - start) / len(group) for start, end in zip(begin, _now(), strict=True)]
            for (place, _), stats in zip(group, found, strict=True):
                self._take(place, stats, (share[0], share[1]))

    def outcome(self, place: int) -> Outcome:
        """What an experiment has come to; its clock has stood still since its last pass."""
        self._let_rest(place, (0.0, 0.0))
        return self.experiments[place].outcome

    @property
    def _running(self) -> list[int]:
        every = range(len(self.experiments))
        return [i for i in every if i not in self.errors and not self.experiments[i].finished]

    def _reason(self, place: int, planned: Pass) -> str | None:
        stage = self.experiments[place].position[0]
        if stage not in self.reasons:
            self.reasons[stage] = why_not(planned.trainer.stage, planned.examples)
        return self.reasons[stage]

    def _standing(self, place: int, planned: Pass) -> tuple[float, ...]:
        """What passes that can be made as one have in common."""
        rates = (planned.rate_from, planned.rate_to)
        size = (len(planned.examples), planned.batch_size)
        return (*self.experiments[place].position, *size, *rates)

    def _take(self, place: int, made: PassStats | None, worked: tuple[float, float]) -> None:
        """Lets an experiment go on with a pass; its clock stood still but for what was its own."""
        self._let_rest(place, worked)
        try:
            self.experiments[place].advance(None if made is None else made.checked())
        except Exception as error:  # one seed's own
            self.errors[place] = error
        self._left[place] = _now()

    def _let_rest(self, place: int, worked: tuple[float, float]) -> None:
        """Takes what has passed since an experiment's turn off its clock, but for its own work.

        One that was alone from the beginning has never waited for another.
        """
        if len(self.experiments) == 1:
            return
        (wall, cpu), (wall_left, cpu_left) = _now(), self._left[place]
        self.experiments[place].wait(wall - wall_left - worked[0], cpu - cpu_left - worked[1])
        self._left[place] = (wall, cpu)


def _made(passes: Sequence[Pass]) -> list[PassStats]:
    first = passes[0]
    return run_stacked_pass(
        [planned.trainer for planned in passes],
        [planned.examples for planned in passes],
        batch_size=first.batch_size,
        rate_from=first.rate_from,
        rate_to=first.rate_to,
    )


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()
