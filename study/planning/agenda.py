"""The plan while a study runs: what is next, told anew only where something has finished.

`study.planning.plan.next_trials` is the same as one pure function; a test holds the two together.
"""

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import replace

from study.planning.plan import Startable, State, first_seeds, lots
from study.request.spec import StudySpec
from study.storage.ledger import Record
from study.trials.roles import ROLES
from study.trials.selection import Search, search_of
from study.trials.trial import Cell, TrialSpec, cell_of

Flight = tuple[str, Cell, int]
"""A trial that has been given away: its role, its cell and its seed."""
Turn = tuple[int, int, int]
"""By which lots are sorted; their number comes last."""


class Agenda:
    """Gives every trial away once, in the order of the plan; measured cells take turns.

    Trials stand in lots, a role's in one place, and are made when they are asked for. A lot is
    looked through again where a search that it waits for is over, or a precision asks for more.
    Of measured cells the one with the fewest seeds is next: what the slowest cells take is known
    before most of the study has run, and what is interrupted has a part of each of them.
    """

    def __init__(
        self,
        spec: StudySpec,
        finished: Mapping[str, Record],
        searched: Mapping[Search, list[Record]],
    ) -> None:
        """Plans from what is finished.

        Args:
            spec: what is asked.
            finished: records by trial id; whoever adds one calls `finish` afterwards.
            searched: the proposals among them, by cell and independent search; likewise.
        """
        self._state = State.indexed(spec, finished, searched)
        self._lots = lots(self._state)
        self._number = {(role.name, place.cell): n for n, (role, place) in enumerate(self._lots)}
        self._served: dict[Cell, list[int]] = defaultdict(list)
        for number, (_, place) in enumerate(self._lots):
            self._served[place.served_by].append(number)
        self._flying: set[Flight] = set()
        self._begun = Counter((r["role"], cell_of(r)) for r in finished.values())
        self._waiting: dict[int, deque[Startable]] = {}
        measured = (n for n, (role, _) in enumerate(self._lots) if role.is_measured)
        self._first_measured = next(measured, len(self._lots))
        self._open: list[Turn] = []
        for number in range(len(self._lots)):
            self._open_lot(number)

    def __len__(self) -> int:
        """Trials that could start now."""
        return sum(map(len, self._waiting.values()))

    def take(self, most: int = 1) -> list[TrialSpec]:
        """The next trials, which are in flight from here on; none: all that is left waits.

        Args:
            most: as many of them where they differ in their seeds alone.
        """
        taken: list[TrialSpec] = []
        while self._open and not taken:
            *_, number = heapq.heappop(self._open)
            waiting, (role, place) = self._waiting[number], self._lots[number]
            while waiting and len(taken) < most:
                trial = self._state.trial(role, place.cell, *waiting[0])
                if taken and not _differ_by_seed(trial, taken[0]):
                    break
                waiting.popleft()
                taken.append(trial)
            self._begun[role.name, place.cell] += len(taken)
            self._flying.update(map(_flight, taken))
            if waiting:
                heapq.heappush(self._open, self._turn(number))
            else:
                del self._waiting[number]
        return taken

    def finish(self, trial: TrialSpec) -> None:
        """Takes in that a trial which was in flight is finished: its record is there."""
        self._flying.discard(_flight(trial))
        role, spec = ROLES[trial.role], self._state.spec
        number = self._number[trial.role, trial.cell]
        if role.is_searched:
            found = self._state.searched[search_of(trial.cell, trial.seed)]
            is_over = len(found) >= spec.search.trials
            for waiting in self._served[trial.cell] if is_over else [number]:
                self._open_lot(waiting)
        elif role.is_measured and spec.precision is not None:
            role, place = self._lots[number]
            if trial.seed in first_seeds(role, place, spec):  # they tell how many there are to be
                self._open_lot(number)

    def put_back(self, trial: TrialSpec) -> None:
        """Takes in that a trial which was in flight ended without a record."""
        self._flying.discard(_flight(trial))
        self._begun[trial.role, trial.cell] -= 1
        self._open_lot(self._number[trial.role, trial.cell])
        self._open = [self._turn(number) for *_, number in self._open]
        heapq.heapify(self._open)

    def _open_lot(self, number: int) -> None:
        """Lists anew what a lot has to give."""
        (role, place), state = self._lots[number], self._state
        found = state.startable(role, place)
        if self._begun[role.name, place.cell]:
            found = [pair for pair in found if self._is_there(state.trial(role, place.cell, *pair))]
        if number not in self._waiting and found:
            heapq.heappush(self._open, self._turn(number))
        if number in self._waiting or found:
            self._waiting[number] = deque(found)

    def _turn(self, number: int) -> Turn:
        """When a lot is next: all that is measured in one stretch, there by what has begun."""
        role, place = self._lots[number]
        if not role.is_measured:
            return number, 0, number
        return self._first_measured, self._begun[role.name, place.cell], number

    def _is_there(self, trial: TrialSpec) -> bool:
        return _flight(trial) not in self._flying and self._state.is_fresh(trial)


def _differ_by_seed(trial: TrialSpec, other: TrialSpec) -> bool:
    """Whether two trials are one but for their seeds; folds of a sample are parts of it besides."""
    is_whole = trial.hyperparameters is not None and trial.num_folds is None
    return is_whole and replace(trial, seed=other.seed) == other


def _flight(trial: TrialSpec) -> Flight:
    return (trial.role, trial.cell, trial.seed)
