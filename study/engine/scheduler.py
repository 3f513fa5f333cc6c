"""Tune's scheduler: one upstream ASHA for each cell."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from study.engine.searcher import PlanSearcher
from study.engine.session import Session
from study.trials.roles import ROLES
from study.trials.trial import Cell


class CellScheduler(FIFOScheduler):
    """One upstream ASHA for each cell, so that a hard cell is not pruned for being hard.

    Only search trials are ever stopped.
    """

    def __init__(self, session: Session, searcher: PlanSearcher) -> None:
        """Binds the scheduler to the driver's session."""
        super().__init__()
        self._session = session
        self._searcher = searcher
        self._asha: dict[Cell, ASHAScheduler] = {}

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Opens the cell's ASHA with the rungs its finished trials had reached."""
        cell = self._search_cell(trial)
        if cell is not None:
            if cell not in self._asha:
                self._asha[cell] = self._replayed(cell)
            self._asha[cell].on_trial_add(tune_controller, trial)

    def on_trial_result(
        self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]
    ) -> str:
        """ASHA's verdict for a search trial; the others go on."""
        cell = self._search_cell(trial)
        if cell is None or result["validation_risk"] is None:
            return str(TrialScheduler.CONTINUE)
        verdict = str(self._asha[cell].on_trial_result(tune_controller, trial, result))
        if verdict == TrialScheduler.STOP:
            self._searcher.stopped.add(trial.trial_id)
        return verdict

    def on_trial_error(self, tune_controller: Any, trial: TuneTrial) -> None:
        """One more death of a worker or node; the trial's rungs stay."""
        self._searcher.deaths[trial.trial_id].append(_last_words(trial))

    def _search_cell(self, trial: TuneTrial) -> Cell | None:
        flying = self._searcher.in_flight.get(trial.trial_id)
        is_search = flying is not None and ROLES[flying.role].is_searched
        return flying.cell if flying is not None and is_search else None

    def _replayed(self, cell: Cell) -> ASHAScheduler:
        section = self._session.spec.search
        asha = ASHAScheduler(
            time_attr="epoch",
            metric="validation_risk",
            mode="min",
            max_t=section.max_epochs,
            grace_period=section.grace_epochs,
            reduction_factor=section.reduction_factor,
        )
        for record in sorted(self._session.searched[cell], key=lambda r: int(r["seed"])):
            past = SimpleNamespace(trial_id=record["trial_id"])
            asha.on_trial_add(None, past)
            risks = [c["validation_risk"] for c in record["curves"]]
            for epoch, risk in enumerate([r for r in risks if r is not None], start=1):
                asha.on_trial_result(None, past, {"epoch": epoch, "validation_risk": risk})
        return asha


def _last_words(trial: TuneTrial) -> str:
    """What Ray says of a worker's death, on one line."""
    try:
        text = Path(trial.error_file).read_text(encoding="utf-8")
    except (OSError, TypeError):
        return "no reason was given"
    return " ".join(text.rpartition("Failure # ")[2].partition("\n")[2].split())[:300]
