"""Tune's scheduler: one upstream ASHA for each search of a cell."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from study.engine.searcher import PlanSearcher
from study.engine.session import Session
from study.request.sections import SearchSection
from study.trials.roles import ROLES, Budget
from study.trials.selection import Search, search_of


class CellScheduler(FIFOScheduler):
    """One upstream ASHA for each search, so that a hard cell is not pruned for being hard.

    Its time is the number of a trial's reports. Only search trials are ever stopped.
    """

    def __init__(self, session: Session, searcher: PlanSearcher) -> None:
        """Binds the scheduler to the driver's session."""
        super().__init__()
        self._session = session
        self._searcher = searcher
        self._asha: dict[Search, ASHAScheduler] = {}

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Opens the search's ASHA with the rungs its finished trials had reached."""
        search = self._search(trial)
        if search is not None:
            if search not in self._asha:
                self._asha[search] = self._replayed(search)
            self._asha[search].on_trial_add(tune_controller, trial)

    def on_trial_result(
        self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]
    ) -> str:
        """ASHA's verdict for a search trial; the others go on."""
        search = self._search(trial)
        if search is None or result["validation_risk"] is None:
            return str(TrialScheduler.CONTINUE)
        verdict = str(self._asha[search].on_trial_result(tune_controller, trial, result))
        if verdict == TrialScheduler.STOP:
            self._searcher.stopped.add(trial.trial_id)
        return verdict

    def on_trial_error(self, tune_controller: Any, trial: TuneTrial) -> None:
        """One more death of a worker or node; the trial's rungs stay."""
        self._searcher.deaths[trial.trial_id].append(_last_words(trial))

    def _search(self, trial: TuneTrial) -> Search | None:
        flight = self._searcher.flights.get(trial.trial_id)
        if not flight or not ROLES[flight[0].role].is_searched:
            return None
        return search_of(flight[0].cell, flight[0].seed)

    def _replayed(self, search: Search) -> ASHAScheduler:
        section, budget = self._session.spec.search, self._session.spec.training.budget
        asha = new_asha(section, budget)
        for record in sorted(self._session.searched[search], key=lambda r: int(r["seed"])):
            past = SimpleNamespace(trial_id=record["trial_id"])
            asha.on_trial_add(None, past)
            curve = [c["validation_risk"] for c in record["curves"]]
            risks = [risk for risk in curve if risk is not None][: budget.num_reports]
            for report, risk in enumerate(risks, start=1):
                asha.on_trial_result(None, past, {"report": report, "validation_risk": risk})
        return asha


def new_asha(section: SearchSection, budget: Budget) -> ASHAScheduler:
    """The upstream ASHA of one search, its rungs empty."""
    return ASHAScheduler(
        time_attr="report",
        metric="validation_risk",
        mode="min",
        max_t=budget.num_reports,
        grace_period=section.grace_reports(budget),
        reduction_factor=section.reduction_factor,
    )


def _last_words(trial: TuneTrial) -> str:
    """What Ray says of a worker's death, on one line."""
    try:
        text = Path(trial.error_file).read_text(encoding="utf-8")
    except (OSError, TypeError):
        return "no reason was given"
    return " ".join(text.rpartition("Failure # ")[2].partition("\n")[2].split())[:300]
