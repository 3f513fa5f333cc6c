"""What a reader must know before believing a study's numbers: a line for each, where it holds."""

from collections import Counter, defaultdict
from collections.abc import Sequence, Set

from study.analysis.columns import ERRORS
from study.analysis.faults import distinct_cells, is_bound, is_undamaged
from study.analysis.frames import Row, to_rows
from study.analysis.reading import Study
from study.analysis.results import Results
from study.rendering.words import (
    counted,
    listed,
    populations_without_floor,
    split_by_task,
    words_of,
)
from study.trials.schema import under
from study.trials.seeds import decode_search_seed
from study.trials.tasks import CLASSIFICATION, Task, task_of
from study.trials.trial import CORRUPTIONS


def caveats(study: Study, results: Results) -> list[str]:
    """Return a line for each thing that limits what the tables say."""
    rows = distinct_cells(to_rows(results.landscape))
    trials = to_rows(study.trials)
    lines = [
        *_no_floor(rows),
        _no_best_rule(rows),
        _intervals(rows, study),
        _settled(rows),
        _approximation(rows),
        _slack(rows),
        _no_teachers(rows),
        _limit(rows),
        *_undone(rows),
        _search(trials),
        *_unscored(trials),
        _above_budget(trials),
        _missing(len(results.missing)),
        _failed(trials),
    ]
    return [line for line in lines if line]


def _no_floor(rows: Sequence[Row]) -> list[str]:
    """Where R* is unknown, as on real images, whatever needs it is null: a line for each task."""
    lines = []
    for held in split_by_task(rows):
        names, task = listed(populations_without_floor(held.rows)), held.task
        if names:
            where = names if task == CLASSIFICATION else f"{words_of(task.name)} on {names}"
            lines.append(
                f"No {task.floor} is known for {where}: total, approximation and objective are "
                "unknown there, and estimation and optimization are differences of test risks."
            )
    return lines


def _tasks_that_know(rows: Sequence[Row], error: str) -> list[Task]:
    return [held.task for held in split_by_task([row for row in rows if row[error] is not None])]


def _no_best_rule(rows: Sequence[Row]) -> str:
    """Where R* is known and U_H is not looked for, the two parts that U_H divides are null."""
    tasks = _tasks_that_know(rows, "total")
    names = [words_of(task.name) for task in tasks if not task.seeks_best_rule]
    if not names:
        return ""
    return (
        f"The best rule of an architecture is not looked for in {listed(names)}: approximation and "
        "objective are unknown there, and together what the other two leave of the total."
    )


def _intervals(rows: Sequence[Row], study: Study) -> str:
    """Count the cells that know an error and not its interval, and say why."""
    reasons = Counter(
        _why_without(row, lacking, study)
        for row in rows
        if (lacking := {e for e in ERRORS if row[e] is not None and row[f"{e}_lo"] is None})
    )
    if not reasons:
        return ""
    text = f"In {_share(reasons.total(), len(rows))} cells intervals are unknown"
    if len(reasons) == 1:
        return f"{text}, since {next(iter(reasons))}."
    return f"{text}: " + "; ".join(f"in {n}, since {why}" for why, n in reasons.items()) + "."


def _why_without(row: Row, lacking: Set[str], study: Study) -> str:
    """Say why a row has no interval of some errors; those that U_A is in need two restarts."""
    if row["num_seeds"] < 2:
        return "there is a single seed"
    if lacking <= {"objective", "estimation"} and row["limit_restarts"] == 1:
        return f"U_A is of a single restart (limit.restarts = 1): {listed(sorted(lacking))}"
    if study.decisions is None:
        return "the rules’ decisions on the evaluation sample (decisions/) are not there"
    return "decisions of some of their trials are missing or unusable"


def _missing(number: int) -> str:
    verb = "is" if number == 1 else "are"
    return f"{counted(number, 'row')} of the study {verb} missing: see “Missing”." if number else ""


def _failed(trials: Sequence[Row]) -> str:
    """Count the trials that failed, and say the first's reason."""
    failed = [row for row in trials if row["status"] == "failed"]
    if not failed:
        return ""
    text = f"{counted(len(failed), 'trial')} failed: see “Failed”"
    reason = first_reason(failed)
    return f"{text}. The first: {reason}" if reason else f"{text}."


def first_reason(trials: Sequence[Row]) -> str:
    """Return the first message of trials that failed, its first line; empty where there is none."""
    messages = [
        row["error"].strip() for row in trials if row["status"] == "failed" and row["error"]
    ]
    return str(messages[0].splitlines()[0]) if messages and messages[0] else ""


def _settled(rows: Sequence[Row]) -> str:
    shares = [row["share_converged"] for row in rows if row["share_converged"] is not None]
    if not shares:
        return ""
    text = f"In {_share(sum(s == 1 for s in shares), len(shares))} cells every seed had settled"
    if all(share == 1 for share in shares):
        return f"{text}."
    return (
        f"{text}; in the others (marked ~) R_n(∞) is the risk where training was given up, and the "
        "line between estimation and optimization is not sharp."
    )


def _approximation(rows: Sequence[Row]) -> str:
    known = [row for row in rows if row["approximation"] is not None]
    if not known:
        return ""
    settled = sum(not is_bound(row) for row in known)
    share = _share(settled, len(known)) if settled else f"none of {len(known)}"
    text = f"Approximation has settled in {share} cells"
    if settled == len(known):
        return f"{text}."
    where = "in the others it" if settled else "it"
    return f"{text}; {where} is at most (≤) what is shown, and objective gains what it loses."


def _slack(rows: Sequence[Row]) -> str:
    """How much the search for U_H leaves where the answer is known, if that was measured."""
    known = [
        row
        for row in rows
        if row["approximation"] is not None and task_of(row["task"]).has_teachers
    ]
    if not known:
        return ""
    lacking = sum(row["slack"] is None for row in known)
    if lacking == len(known):
        return (
            "How much of the approximation is left by the search for U_H was not measured "
            "(best_in_class.slack_restarts)."
        )
    texts = []
    for task in split_by_task(known):
        held = [row["slack"] for row in task.rows if row["slack"] is not None]
        if held:
            ends = f"{task.unit.show(min(held), 2)} to {task.unit.show(max(held), 2)}"
            texts.append(f"{task.title}{ends} {task.unit.points}")
    rest = f"; not measured in {counted(lacking, 'cell')}" if lacking else ""
    return (
        "Of each approximation, as much may be the search’s for U_H as it left on a teacher, whose "
        f"own is zero: {listed(texts)}{rest}."
    )


def _no_teachers(rows: Sequence[Row]) -> str:
    """Where no network can be a law, nothing tells what the search for U_H leaves."""
    tasks = _tasks_that_know(rows, "approximation")
    names = [words_of(task.name) for task in tasks if not task.has_teachers]
    if not names:
        return ""
    return (
        f"Approximation in {listed(names)} holds what the search for U_H leaves, and nothing tells "
        "the two apart: there are no teachers."
    )


def _undone(rows: Sequence[Row]) -> list[str]:
    """Where a task takes off a distortion of several severities, that is no axis of one problem."""
    lines = []
    for held in split_by_task(rows):
        name = held.task.undoes
        severities = {row["severity"] for row in held.rows if row["distortion"] == name}
        if len(severities) > 1:
            lines.append(
                f"Each {words_of(name)} is a {words_of(held.task.name)} problem of its own, and of "
                "bump pictures, whose frame widens with it, in a unit of its own: no change from "
                "one to another is told, and of such pictures none can be read from the numbers."
            )
    return lines


def _search(trials: Sequence[Row]) -> str:
    repeats = {decode_search_seed(row["seed"])[0] for row in trials if row["role"] == "search"}
    if len(repeats) != 1:
        return ""
    return (
        "Each cell was searched once (search.repeats = 1): that search’s luck is in all of its "
        "seeds and in no interval."
    )


def _unscored(trials: Sequence[Row]) -> list[str]:
    """Undistorted rules of a finished study that was extended by a corruption: a line for each.

    Of families whose other rules are scored under it.
    """
    lines = []
    measured = [row for row in trials if row["role"] == "measure" and row["status"] == "done"]
    for kind in CORRUPTIONS:
        column = under(kind, "risk")
        known = {row["family"] for row in measured if row.get(column) is not None}
        num = sum(
            row["family"] in known and is_undamaged(row) and row.get(column) is None
            for row in measured
        )
        if num:
            lines.append(
                f"{counted(num, 'undistorted trial')} ran before the study asked for "
                f"{words_of(kind)}, and nobody knows their risk where all images are corrupted by "
                "it: its curves lack a share of 0, or have fewer seeds there."
            )
    return lines


BUDGET_AT_DEPTH_1, BUDGET_TOLERANCE = 8_000, 0.10
"""What a network's parameters are matched to, and how closely; it doubles with each depth.

Repeated from classcomp.models.widths, which this side of the wall may not import; a test holds the
two together.
"""


def _above_budget(trials: Sequence[Row]) -> str:
    """Families with more parameters than their depth's budget, where no width was asked for."""
    shares: dict[str, dict[str, float]] = defaultdict(dict)
    for row in trials:
        if row["role"] != "measure" or row["num_parameters"] is None or row.get("hp_width"):
            continue
        capacity = row["capacity"]
        budget = round(BUDGET_AT_DEPTH_1 * 2 ** (row["depth"] - 1) * (capacity or 1.0))
        share = row["num_parameters"] / budget
        if share > 1 + BUDGET_TOLERANCE:
            latent_dim = row.get("hp_latent_dim")
            k = "" if latent_dim is None else f", k = {latent_dim}"
            c = "" if capacity is None else f", c = {capacity:g}"
            about = f"{row['family']} at depth {row['depth']}{k}{c}: {row['num_parameters']:,}"
            shares[row["family"]][f"{about} for {budget:,}"] = share
    if not shares:
        return ""
    texts = []
    for held in shares.values():
        more = f" and {len(held) - 1} more" if len(held) > 1 else ""
        texts.append(max(held, key=lambda text: held[text]) + more)
    return (
        f"Not every family has the parameters of its depth’s budget: {'; '.join(texts)}. What sets "
        "these apart from the others may be their size."
    )


def _share(number: int, of: int) -> str:
    return f"{number} of {of}"


def _limit(rows: Sequence[Row]) -> str:
    """U_A falls with its stream, too, and nothing here says that it has ended to."""
    lengths = sorted({row["limit_num_stream"] for row in rows if row["limit_num_stream"]})
    if not lengths:
        return ""
    shown = listed([f"{length:,}" for length in lengths])
    return (
        f"U_A is what {shown} examples leave, not what all would: as much as it would still fall "
        "by is in objective, where that is known, and is missing in estimation."
    )
