"""What Optuna with a cell's ASHA spends of full training's epochs, and what that costs in risk.

    python benchmarks/search.py train FILE     # trains every candidate to its end; goes on where it was
    python benchmarks/search.py tell FILE      # the tables

The quickstart's cells of three families, each searched five times over the families' own spaces
(the quickstart's are so narrow that any choice does). Candidates are proposed as the engine proposes
them, one after the other, from what ASHA let it see; but all are trained to their end. So both ways
have the same candidates, and other settings of ASHA can be replayed on them. A candidate's true
risk is its mean over fresh data, initialisations and orders, on the law's evaluation draw or on
the test part of a new division. `warm`: the winner at label noise 0 trained where labels are noisy.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from classcomp.assembly import assembled
from classcomp.draws import Examples
from classcomp.experiment import Experiment
from classcomp.models import FAMILIES
from study.engine.handover import to_trial
from study.engine.proposals import propose, quieten
from study.engine.scheduler import new_asha
from study.planning.plan import enumerate_cells
from study.request.reading import read_spec
from study.request.sections import SearchSection
from study.request.spec import StudySpec
from study.trials.roles import ROLES
from study.trials.seeds import encode_search_seed
from study.trials.trial import Cell, TrialSpec, cell_of

SETTINGS = (
    'families=["linear","vgg","resnet"]',
    "hyperparameters={}",
    "search.trials=20",
    "search.repeats=5",
)
FRESH = range(90, 92)
"""Searches that no study has: their data are what a candidate's true risk is measured with."""
NUM_EVALUATION = 4_000
Candidate = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """One search of a cell, as a line of the file."""

    cell: dict[str, Any]
    repeat: int
    candidates: list[Candidate]
    warm: Candidate | None


def trained(spec: StudySpec, cell: Cell, seed: int, chosen: dict[str, Any]) -> Experiment:
    """A proposal trained to its end, its validation risk known at every report."""
    experiment = Experiment(to_trial(trial_of(spec, cell, seed, chosen), "."))
    while not experiment.finished:
        experiment.advance()
    return experiment


def trial_of(spec: StudySpec, cell: Cell, seed: int, chosen: dict[str, Any]) -> TrialSpec:
    """A search's trial."""
    population = next(p for p in spec.populations if p.label == cell.population)
    return TrialSpec(
        role="search",
        cell=cell,
        population_name=population.name,
        population_parameters=population.parameters,
        seed=seed,
        budget=ROLES["search"].budget(spec),
        hyperparameters=chosen,
        num_validation=cell.num_train,
    )


@lru_cache(maxsize=64)
def evaluation(spec_of: str, cell: Cell, seed: int, is_image: bool) -> Examples:
    """What true risks of this cell and seed are scored on; a set's is its division's test part."""
    spec = read_spec(spec_of, list(SETTINGS))
    trial = to_trial(trial_of(spec, cell, seed, dict(spec.space_at(cell).defaults)), ".")
    whole = assembled(trial, None, torch.device("cpu"), None).draws.evaluation()
    posterior = None if whole.posterior is None else whole.posterior[:NUM_EVALUATION]
    kept = {"inputs": whole.inputs[:NUM_EVALUATION], "labels": whole.labels[:NUM_EVALUATION]}
    return replace(whole, **kept, posterior=posterior, log_density=None)


def candidate(spec: StudySpec, cell: Cell, seed: int, chosen: dict[str, Any]) -> Candidate:
    """A proposal's curve and cost, and its risk on fresh data."""
    begin = time.process_time()
    experiment = trained(spec, cell, seed, chosen)
    seconds = time.process_time() - begin
    curve = [p.validation_risk for p in experiment.outcome.curves if p.validation_risk is not None]
    risks = []
    for repeat in FRESH:
        fresh = encode_search_seed(repeat, 0)
        again = trained(spec, cell, fresh, chosen)
        is_image = FAMILIES[cell.family].takes == "images"
        held_out = evaluation("quickstart", cell, fresh, is_image)
        risks.append(again.task.risk(again.model, held_out))
    return {
        "seed": seed,
        "hyperparameters": chosen,
        "curve": curve[: spec.training.budget.num_reports],
        "epochs": experiment.outcome.curves[-1].epoch,
        "seconds": seconds,
        "risks": risks,
    }


def reports_of(
    candidates: Sequence[Candidate], section: SearchSection, spec: StudySpec
) -> list[int]:
    """After how many reports ASHA ends each candidate, one after the other."""
    asha = new_asha(section, spec.training.budget)
    return [_reports(asha, number, held["curve"]) for number, held in enumerate(candidates)]


def _reports(asha: Any, number: int, curve: Sequence[float]) -> int:
    trial = SimpleNamespace(trial_id=str(number))
    asha.on_trial_add(None, trial)
    for report, risk in enumerate(curve, start=1):
        verdict = asha.on_trial_result(None, trial, {"report": report, "validation_risk": risk})
        if verdict == "STOP":
            return report
    return len(curve)


def searched(spec: StudySpec, cell: Cell, repeat: int) -> list[Candidate]:
    """A search as the engine has it, but every candidate trained to its end."""
    asha = new_asha(spec.search, spec.training.budget)
    candidates: list[Candidate] = []
    records: list[dict[str, Any]] = []
    for number in range(spec.search.trials):
        seed = encode_search_seed(repeat, number)
        held = candidate(spec, cell, seed, propose(spec, cell, seed, records))
        reports = _reports(asha, number, held["curve"])
        is_done = reports == len(held["curve"])
        records.append(
            {
                "trial_id": str(number),
                "seed": seed,
                "status": "done" if is_done else "stopped",
                "hyperparameters": held["hyperparameters"],
                "metrics": {"validation_risk": held["curve"][-1]} if is_done else {},
                "curves": [{"validation_risk": risk} for risk in held["curve"][:reports]],
            }
        )
        candidates.append({**held, "reports": reports})
    return candidates


def winner(candidates: Sequence[Candidate], reports: Sequence[int]) -> Candidate:
    """As the engine chooses: of those that ran to their end, on validation data."""
    pairs = zip(candidates, reports, strict=True)
    done = [held for held, count in pairs if count == len(held["curve"])]
    return min(done, key=lambda held: (held["curve"][-1], held["seed"]))


def train(path: Path) -> None:
    """A line a search; those that are there already are not trained again."""
    quieten()
    spec = read_spec("quickstart", list(SETTINGS))
    seen = {(cell_of(s.cell), s.repeat): s for s in read(path)} if path.exists() else {}
    cells = sorted(enumerate_cells(spec), key=lambda cell: cell.severity)
    for repeat in range(spec.search.repeats):
        for cell in cells:
            if (cell, repeat) in seen:
                continue
            candidates, warm = searched(spec, cell, repeat), None
            if not cell.is_undistorted:
                clean = next(
                    c for c in cells if c == replace(cell, distortion="none", severity=0.0)
                )
                before = seen[clean, repeat].candidates
                best = winner(before, [held["reports"] for held in before])
                # a proposal of its own, behind the search's
                seed = encode_search_seed(repeat, spec.search.trials)
                warm = candidate(spec, cell, seed, best["hyperparameters"])
            found = Search(cell=cell.known, repeat=repeat, candidates=candidates, warm=warm)
            seen[cell, repeat] = found
            with path.open("a") as file:
                file.write(json.dumps(asdict(found)) + "\n")
            print(f"{cell.title} repeat {repeat}", flush=True)


def read(path: Path) -> Iterator[Search]:
    """The file's searches."""
    for line in path.read_text().splitlines():
        yield Search(**json.loads(line))


def main() -> None:
    """Reads the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("train", "tell"))
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "train":
        train(options.file)


if __name__ == "__main__":
    main()
