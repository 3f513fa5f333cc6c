"""Whether another family always does better than the one named first, in words with numbers."""

from collections import defaultdict
from collections.abc import Sequence

import pandas as pd

from study.analysis.frames import Row, to_rows
from study.rendering.units import UNKNOWN, Unit, unit_of
from study.rendering.words import counted, split_by_task, words_of
from study.trials.tasks import CLASSIFICATION
from study.trials.trial import KEEPING_THE_IMAGE

MEASURE_WORDS = {
    "risk": "risk on clean images",
    "corrupted_risk": "risk where all images are corrupted",
    "restored_mse": "what is given back of corrupted images against the clean ones",
    "knn_accuracy": "accuracy of neighbours in the latent plane",
}
MORE_IS_BETTER = ("knn_accuracy",)


def robustness_lines(robustness: pd.DataFrame) -> list[str]:
    """Return one line for each task, population, distortion and measure: the families in turn.

    A cell counts where the 95% interval of its difference lies on one side of zero; each interval
    is its own. That outliers are given back well is neither good nor bad: the table alone has it.
    """
    lines = []
    for task in split_by_task(to_rows(robustness)):
        groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row in task.rows:
            is_told = row["measure"] != "corrupted_risk" or row["distortion"] in KEEPING_THE_IMAGE
            if is_told and row["difference"] is not None:
                groups[row["population"], row["distortion"], row["measure"]].append(row)
        for population, distortion, measure in sorted(groups, key=_order):
            rows = groups[population, distortion, measure]
            unit = unit_of(CLASSIFICATION.name) if measure in MORE_IS_BETTER else task.unit
            told = [
                f"{family} {_told([row for row in rows if row['family'] == family], measure, unit)}"
                for family in sorted({row["family"] for row in rows})
            ]
            where = f"{task.title}{population}, {words_of(distortion)}, {MEASURE_WORDS[measure]}"
            lines.append(f"{where}, beside {rows[0]['reference']}: {'; '.join(told)}.")
    return lines


def _order(group: tuple[str, ...]) -> tuple[str, str, int]:
    return group[0], group[1], list(MEASURE_WORDS).index(group[2])


def _told(rows: Sequence[Row], measure: str, unit: Unit) -> str:
    """`not always: lower in 7 of 12 cells, higher in 3, not told apart in 2 (…)`."""
    known = [row for row in rows if row["difference_lo"] is not None]
    lower = sum(row["difference_hi"] < 0 for row in known)
    higher = sum(row["difference_lo"] > 0 for row in known)
    better, worse = (higher, lower) if measure in MORE_IS_BETTER else (lower, higher)
    if better == len(rows):
        answer = "always"
    elif better:
        answer = "not always"
    else:
        answer = "never" if worse else "not shown"
    first, second = ("higher", "lower") if measure in MORE_IS_BETTER else ("lower", "higher")
    counts = (
        f"{first} in {better} of {counted(len(rows), 'cell')}, {second} in {worse}, "
        f"not told apart in {len(known) - lower - higher}"
    )
    unknown = len(rows) - len(known)
    more = f", without an interval in {unknown}" if unknown else ""
    return f"{answer}: {counts}{more} ({_change(rows, unit)})"


def _change(rows: Sequence[Row], unit: Unit) -> str:
    """`on average 0.12 lower at 0 and 0.45 lower at 0.4`: over cells that have both ends."""
    cells: dict[tuple[object, ...], dict[float, float]] = defaultdict(dict)
    for row in rows:
        cell = (row["depth"], row["latent_dim"], row["num_train"])
        cells[cell][row["severity"]] = row["difference"]
    severities = sorted({row["severity"] for row in rows})
    ends = list(dict.fromkeys((severities[0], severities[-1])))
    whole = [held for held in cells.values() if all(end in held for end in ends)]
    if not whole:
        return f"on average {UNKNOWN}"
    means = [sum(held[end] for held in whole) / len(whole) for end in ends]
    parts = [
        f"{unit.show(abs(mean))} {'lower' if mean < 0 else 'higher'} at {end:g}"
        for mean, end in zip(means, ends, strict=True)
    ]
    return f"on average {' and '.join(parts)}"
