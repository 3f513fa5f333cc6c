"""U_H, the best rule that anything found in an architecture, and U_A, what its procedure tends to.

Every rule that was trained in H is a candidate for U_H: restarts of `best_in_class` at every m, the
limits of the family's own procedure, and both branches of every measured trial, at all sample sizes
and noise levels of the law. The one with the smallest risk on the selection draw is taken, and its
risk on the evaluation draw, which chose nothing, is U_H.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from study.analysis.decisions import BUDGET, COLUMNS, CONVERGED, Decisions
from study.analysis.frames import Row, Trial
from study.analysis.grouping import ByCell
from study.analysis.intervals import mean, mean_known
from study.analysis.rows import Array, Rows, RowView, joined_rows
from study.trials.roles import ROLES
from study.trials.tasks import task_of
from study.trials.trial import Cell, cell_of, law_of

QUARTER = 4
"""By how much shorter a stream must be whose risk says whether U_H has settled."""
MIN_STREAMS = 3  # that a limit is fitted to
FLAT = 0.05
"""By which a teacher's Bayes risk may exceed U_H, before its slack says nothing; of 0-1 risks, for
nothing else has a teacher."""
_SELECTION = {BUDGET: "selection_risk", CONVERGED: "converged_selection_risk"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A rule that was trained: a trial's, at the end of one of its branches.

    Attributes:
        row: the trial's, of the trials table.
        branch: BUDGET or CONVERGED.
    """

    row: RowView
    branch: str = BUDGET

    @property
    def role(self) -> str:
        """Of its trial."""
        return str(self.row["role"])

    @property
    def risk(self) -> float | None:
        """On the evaluation draw."""
        risk: float | None = self.row[COLUMNS[self.branch][0]]
        return risk

    @property
    def excess_risk(self) -> float | None:
        """On the evaluation draw, above the Bayes risk; None where that is unknown."""
        excess: float | None = self.row[COLUMNS[self.branch][1]]
        return excess

    @property
    def excess_risk_se(self) -> float | None:
        """Its standard error over the evaluation examples."""
        name = "excess_risk_se" if self.branch == BUDGET else "converged_excess_risk_se"
        error: float | None = self.row[name]
        return error

    @property
    def num_stream(self) -> int | None:
        """The length m of its stream; None where it was trained on a sample."""
        return None if ROLES[self.role].is_measured else int(self.row["num_train"])


def any_size(cell: Cell) -> Cell:
    """The cell at any sample size."""
    return replace(cell, num_train=0)


def done(rows: Rows) -> Rows:
    """The finished trials that have a risk."""
    is_done = rows.say("status", "done") & ~np.isnan(rows.numbers("risk"))
    return rows if is_done.all() else rows.at(is_done)


def in_order_of_seed(rows: Rows) -> Rows:
    """The same rows, by seed."""
    seeds = rows.numbers("seed")
    if (np.diff(seeds) >= 0).all():
        return rows
    return rows.at(np.argsort(seeds, kind="stable"))


def last_finished(rows: Rows) -> Trial:
    """The row of the trial that finished last."""
    return max(rows, key=lambda row: (row["finished_at"] or "", row["trial_id"]))


def best_rules(rows: Mapping[str, ByCell]) -> dict[Cell, Rule]:
    """U_H by law, at any sample size; laws whose Bayes risk is unknown (real data) have none.

    Nor has a family whose task does not look for it: the best of rules that happened to be trained
    says nothing of the architecture.

    Of candidates with one and the same selection risk the first counts: by role, branch (the
    budget's first), sample size, severity, seed and trial_id. An edited network of the same name
    is another architecture: the one that finished last competes. Tables from before the selection
    draw was shared have candidates of `best_in_class` alone, chosen as they were then.

    Args:
        rows: every trial, by role and cell.
    """
    laws: dict[Cell, list[Rows]] = defaultdict(list)
    for name, role in ROLES.items():
        if role.is_candidate:
            for cell, held in rows[name].items():
                finished = done(held)
                seeks = [task_of(task).seeks_best_rule for task in finished.values("task")]
                laws[any_size(law_of(cell))].append(finished.at(np.array(seeks, dtype=bool)))
    found = {}
    for law, parts in laws.items():
        rule = _best(_of_last_source(joined_rows(parts)))
        if rule is not None:
            found[law] = rule
    return found


def best_restarts(restarts: ByCell) -> dict[Cell, tuple[Rule, Rows]]:
    """The best restart of every law at every m, and all its finished restarts."""
    parts: dict[Cell, list[Rows]] = defaultdict(list)
    for cell, rows in restarts.items():
        parts[law_of(cell)].append(done(rows))
    groups = {stream: joined_rows(held) for stream, held in parts.items()}
    chosen = {stream: _best(rows, is_known=False) for stream, rows in groups.items()}
    return {
        stream: (rule, groups[stream])
        for stream, rule in sorted(chosen.items())
        if rule is not None
    }


def largest_limits(limits: ByCell) -> dict[Cell, Rows]:
    """The restarts of U_A at the largest m, by cell at any sample size."""
    found: dict[Cell, Rows] = {}
    for cell in sorted(limits):
        if rows := done(limits[cell]):
            found[any_size(cell)] = rows  # in order of m: the largest stays
    return found


def stream_rows(restarts: Mapping[Cell, tuple[Rule, Rows]], limits: ByCell) -> list[Row]:
    """Rows of the table of U_H and U_A at every m, so that a reader sees whether they settled."""
    rows: list[Row] = []
    for stream, (rule, held) in restarts.items():
        rows.append(
            _stream(stream, "best_in_class", held)
            | {
                "risk": rule.risk,
                "risk_se": rule.row["risk_se"],
                "excess_risk": rule.excess_risk,
                "excess_risk_se": rule.excess_risk_se,
                "selection_risk": _score(rule),
                "trial_id": rule.row["trial_id"],
            }
        )
    for cell in sorted(limits):
        if held := done(limits[cell]):
            excess = held.values("excess_risk")
            means = {"risk": mean_known(held.values("risk"))}
            means["excess_risk"] = None if None in excess else mean_known(excess)
            rows.append(_stream(cell, "limit", held) | means)
    return sorted(rows, key=lambda row: (any_size(cell_of(row)), row["role"], row["num_stream"]))


def bound_has_settled(streams: Mapping[int, Rule], decisions: Decisions | None) -> bool:
    """Whether a stream four times as long left U_H where it was, within its standard error.

    The difference is paired, example by example. Where nothing says so it has not: there is no
    stream a quarter as long, or no decisions.

    Args:
        streams: the best restart by m.
        decisions: of the study.
    """
    shorter = [m for m in streams if streams and m * QUARTER <= max(streams)]
    if not shorter or decisions is None:
        return False
    pair = [decisions.losses(streams[m].row) for m in (max(streams), max(shorter))]
    if pair[0] is None or pair[1] is None or pair[0].shape != pair[1].shape:
        return False
    moved = pair[0] - pair[1]
    return bool(abs(moved.mean()) <= moved.std(ddof=1) / math.sqrt(moved.size))


def excess_limit(streams: Mapping[int, Rule]) -> float | None:
    """c - R* of U_H(m) = c + kappa / m by least squares, from three m on.

    An extrapolation: estimation falls as kappa / n where the model is regular, and nobody says
    that a network's does.

    Args:
        streams: the best restart by m.
    """
    known = {m: rule.excess_risk for m, rule in streams.items() if rule.excess_risk is not None}
    if len(known) < MIN_STREAMS:
        return None
    inverse = np.array([1 / m for m in known])
    design = np.column_stack([np.ones_like(inverse), inverse / inverse.max()])
    return float(np.linalg.lstsq(design, np.array(list(known.values())), rcond=None)[0][0])


def slacks(rows: ByCell, best: Mapping[Cell, Rule]) -> dict[Cell, float]:
    """What the search for U_H leaves where the Bayes rule is in H, by law at any sample size.

    The best restart at the longest stream, as U_H is the best of what there is. A teacher that
    learned nothing of the law, as a line does on XOR, is flat, and nothing can be lost on it: where
    its own Bayes risk exceeds U_H's by more than `FLAT`, its slack says nothing and is unknown.
    """
    found = {}
    for stream, (rule, _) in best_restarts(rows).items():  # in order of m
        law, bayes = any_size(stream), rule.row["bayes_risk"]
        reached = best[law].risk if law in best else None
        is_flat = bayes is not None and reached is not None and bayes > reached + FLAT
        if rule.excess_risk is not None and not is_flat:
            found[law] = rule.excess_risk
    return found


def _stream(cell: Cell, role: str, held: Rows) -> Row:
    risks = held.values("risk")
    return {
        **asdict(cell),
        "role": role,
        "num_stream": cell.num_train,
        "restarts": len(held),
        "restart_sd": statistics.stdev(risks, mean(risks)) if len(risks) > 1 else None,
    }


def _of_last_source(rows: Rows) -> Rows:
    """Those of the network that the trial had that finished last: of one name there may be two."""
    sources = rows.values("source")
    if len(set(sources)) < 2:
        return rows
    last = last_finished(rows)["source"]
    return rows.at(np.array([source == last for source in sources]))


def _best(rows: Rows, *, is_known: bool = True) -> Rule | None:
    """The rule with the smallest selection risk, in the order of `best_rules`.

    Args:
        rows: finished trials.
        is_known: whether only rules compete whose excess risk is known.
    """
    scores = np.array([_scores(rows, branch, is_known) for branch in _SELECTION])
    if np.isnan(scores).all():
        drawn_once = np.where(rows.say("role", "measure"), np.nan, rows.numbers("validation_risk"))
        usable = _scores(rows, BUDGET, is_known, drawn_once)
        scores = np.array([usable, np.full(len(rows), np.nan)])
    if np.isnan(scores).all():
        return None
    branches, places = np.nonzero(scores == np.nanmin(scores))
    names = list(_SELECTION)
    rules = [
        Rule(row=rows[place], branch=names[branch])
        for branch, place in zip(branches.tolist(), places.tolist(), strict=True)
    ]
    return min(rules, key=_order)


def _scores(rows: Rows, branch: str, is_known: bool, scores: Array | None = None) -> Array:
    """Selection risks (k,), or other scores, of a branch's rules; NaN of one that may not win."""
    risk, excess = COLUMNS[branch]
    found = rows.numbers(_SELECTION[branch]) if scores is None else scores
    is_out = np.isnan(rows.numbers(risk))
    if is_known:
        is_out |= np.isnan(rows.numbers(excess))
    return np.where(is_out, np.nan, found)


def _score(rule: Rule) -> float | None:
    """What a rule was chosen by.

    In tables of version 1 and 2 restarts have a draw that measured trials never saw.
    """
    drawn: float | None = rule.row[_SELECTION[rule.branch]]
    is_restart = rule.role != "measure" and rule.branch == BUDGET
    return rule.row["validation_risk"] if drawn is None and is_restart else drawn


def _order(rule: Rule) -> tuple[int, bool, int, float, int, str]:
    row = rule.row
    place = list(ROLES).index(rule.role)
    numbers = (row["num_train"], row["severity"], row["seed"])
    return (place, rule.branch == CONVERGED, *numbers, row["trial_id"])
