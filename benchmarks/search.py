"""What Optuna with a cell's ASHA spends of full training's epochs, and what that costs in risk.

    python benchmarks/search.py train FILE     # every candidate to its end; goes on where it was
    python benchmarks/search.py tell FILE      # the tables

The quickstart's cells of two families, each searched five times over the families' own spaces
(the quickstart's are so narrow that any choice does). Candidates are proposed as the engine does,
one after the other, from what ASHA let it see; but all are trained to their end. So both ways have
the same candidates, and other settings of ASHA can be replayed on them. A candidate's true risk is
its mean over fresh data, initialisations and orders, on the law's evaluation draw or on the test
part of a new division. `warm`: the winner at label noise 0 trained where labels are noisy.
"""

import argparse
import json
import statistics
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
    'families=["linear","vgg"]',
    "hyperparameters={}",
    "search.trials=12",
    "search.repeats=5",
)
FRESH = range(90, 92)
"""Searches that no study has: their data are what a candidate's true risk is measured with."""
NUM_EVALUATION = 4_000
GRID = [
    *((1.0, 3), (0.1, 3), (0.05, 3), (0.15, 3), (0.25, 3), (0.05, 2), (0.1, 2)),
    *((0.05, 4), (0.1, 4), (0.25, 4), (0.05, 5), (0.1, 5), (0.05, 6), (0.1, 6)),
    *((0.05, 8), (0.1, 8), (0.2, 8), (0.05, 16), (0.1, 20), (0.15, 20), (0.25, 20)),
]
"""(grace_share, reduction_factor); the first is full training, the second the engine's default."""
PREFIXES = (2, 4, 8)
"""Numbers of candidates, besides all of them."""
NUM_BEST = 5
"""Candidates that are best by full training, among which the best by true risk is looked for."""
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
    """A proposal's curve and cost."""
    begin = time.process_time()
    experiment = trained(spec, cell, seed, chosen)
    curve = [p.validation_risk for p in experiment.outcome.curves if p.validation_risk is not None]
    return {
        "seed": seed,
        "hyperparameters": chosen,
        "curve": curve[: spec.training.budget.num_reports],
        "epochs": experiment.outcome.curves[-1].epoch,
        "seconds": time.process_time() - begin,
    }


def true_risks(spec: StudySpec, cell: Cell, chosen: dict[str, Any]) -> list[float]:
    """Risks on fresh data, one for each of FRESH."""
    risks = []
    for repeat in FRESH:
        fresh = encode_search_seed(repeat, 0)
        again = trained(spec, cell, fresh, chosen)
        is_image = FAMILIES[cell.family].takes == "images"
        risks.append(again.task.risk(again.model, evaluation("quickstart", cell, fresh, is_image)))
    return risks


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


def worth_knowing(
    spec: StudySpec, candidates: Sequence[Candidate], warm: Candidate | None
) -> list[Candidate]:
    """Whose true risk is asked: the best by full training, and all that any replay chooses."""
    everywhere = [candidates[:most] for most in (*PREFIXES, None)]
    if warm is not None:
        everywhere += [[warm, *held[:-1]] for held in everywhere]
    found = sorted(candidates, key=lambda held: (held["curve"][-1], held["seed"]))[:NUM_BEST]
    for held in everywhere:
        for section in (spec.search, *sections(spec)):
            found.append(winner(held, reports_of(held, section, spec)))
    return list({one["seed"]: one for one in found}.values())


def sections(spec: StudySpec) -> list[SearchSection]:
    """Of GRID."""
    keys = ("grace_share", "reduction_factor")
    return [spec.search.model_copy(update=dict(zip(keys, row, strict=True))) for row in GRID]


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
            for held in worth_knowing(spec, candidates, warm):
                held["risks"] = true_risks(spec, cell, held["hyperparameters"])
            found = Search(cell=cell.known, repeat=repeat, candidates=candidates, warm=warm)
            seen[cell, repeat] = found
            with path.open("a") as file:
                file.write(json.dumps(asdict(found)) + "\n")
            print(f"{cell.title} repeat {repeat}", flush=True)


def read(path: Path) -> Iterator[Search]:
    """The file's searches."""
    for line in path.read_text().splitlines():
        yield Search(**json.loads(line))


def risk_of(held: Candidate) -> float:
    """True risk of a candidate, up to the noise of its fresh seeds."""
    return statistics.fmean(held["risks"])


def regret(candidates: Sequence[Candidate], chosen: Candidate) -> float:
    """Of what was chosen against the best candidate, no seed judging what it chose itself."""
    found = []
    known = [held for held in candidates if "risks" in held]
    for place in range(len(FRESH)):
        others = [other for other in range(len(FRESH)) if other != place]
        best = min(known, key=lambda c: statistics.fmean(c["risks"][o] for o in others))
        found.append(chosen["risks"][place] - best["risks"][place])
    return statistics.fmean(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a way to search costs and finds, in the mean over searches.

    Attributes:
        epochs: as a share of those of training all candidates to their end.
        seconds: CPU seconds, likewise, were every report of a candidate as dear as any other.
        finished: share of candidates that are trained to their end.
        same: share of searches in which full training chooses the same candidate.
        lost: true risk less that of what full training chooses, by search.
        regret: true risk less that of the best candidate, by search.
    """

    epochs: float
    seconds: float
    finished: float
    same: float
    lost: list[float]
    regret: list[float]

    def __str__(self) -> str:
        lost, missed = (in_points(values) for values in (self.lost, self.regret))
        return (
            f"epochs {self.epochs:.0%} CPU {self.seconds:.0%} finished {self.finished:.0%} "
            f"same {self.same:.0%} | less full training's choice {lost} | less the best {missed}"
        )


def in_points(values: Sequence[float]) -> str:
    """A mean over searches and half its 95% interval, in percentage points."""
    half = 1.96 * statistics.stdev(values) / len(values) ** 0.5
    return f"{100 * statistics.fmean(values):+.2f} ± {100 * half:.2f}"


def replayed(
    spec: StudySpec,
    searches: Sequence[Search],
    section: SearchSection,
    *,
    most: int | None = None,
    warm: bool = False,
) -> Told:
    """ASHA of these settings on the searches' own candidates, in their own order.

    Args:
        spec: what was asked.
        searches: with all their candidates.
        section: of a study file; how ASHA stops.
        most: of each search's candidates; None: all.
        warm: the neighbour's winner comes first, and the last candidate is not had.
    """
    spent: dict[str, list[float]] = {"epochs": [], "seconds": [], "finished": []}
    whole: dict[str, list[float]] = {"epochs": [], "seconds": [], "finished": []}
    same, lost, missed = [], [], []
    for search in searches:
        cold = search.candidates[:most]
        held = [search.warm, *cold[:-1]] if warm and search.warm is not None else cold
        reports = reports_of(held, section, spec)
        for c, count in zip(held, reports, strict=True):
            share = count / len(c["curve"])
            for name in ("epochs", "seconds"):
                spent[name].append(share * c[name])
                whole[name].append(c[name])
            spent["finished"].append(share == 1.0)
            whole["finished"].append(1.0)
        chosen = winner(held, reports)
        best = winner(cold, [len(c["curve"]) for c in cold])
        same.append(chosen is best)
        lost.append(risk_of(chosen) - risk_of(best))
        missed.append(regret(search.candidates, chosen))
    shares = {name: sum(spent[name]) / sum(whole[name]) for name in spent}
    return Told(**shares, same=statistics.fmean(same), lost=lost, regret=missed)


def tell(path: Path) -> None:
    """The tables."""
    spec, searches = read_spec("quickstart", list(SETTINGS)), list(read(path))
    print(f"{len(searches)} searches of {spec.search.trials} candidates")
    for (grace, factor), section in zip(GRID, sections(spec), strict=True):
        print(f"grace {grace:<5} factor {factor:<3}         {replayed(spec, searches, section)}")
    print("the defaults, by what is searched")
    for family in spec.families:
        part = [s for s in searches if s.cell["family"] == family]
        print(f"{family:<29}{replayed(spec, part, spec.search)}")
    for label in dict.fromkeys(s.cell["population"] for s in searches):
        part = [s for s in searches if s.cell["population"] == label]
        print(f"{label:<29}{replayed(spec, part, spec.search)}")
    for most in PREFIXES:
        name = f"the first {most} candidates"
        print(f"{name:<29}{replayed(spec, searches, spec.search, most=most)}")
    print("from the winner at label noise 0, where labels are noisy")
    noisy = [s for s in searches if s.warm is not None]
    for most in (*PREFIXES, spec.search.trials):
        for warm in (False, True):
            name = f"{most} candidates, {'warm' if warm else 'cold'}"
            print(f"{name:<29}{replayed(spec, noisy, spec.search, most=most, warm=warm)}")


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
    else:
        tell(options.file)


if __name__ == "__main__":
    main()
