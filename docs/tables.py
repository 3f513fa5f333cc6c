"""docs/tables.md: every column of every table a study writes, as study/trials/schema.py and
study/analysis/columns.py have it.

    python docs/tables.py      # writes it

`tests/test_readme.py` holds the two together.
"""

from collections.abc import Sequence
from pathlib import Path

from study.analysis import columns, curve_columns
from study.trials import schema
from study.trials.schema import Column

PAGE = Path(__file__).with_suffix(".md")
TABLES = {
    "trials": ("one row per trial; `hp_<name>` columns besides", schema.TRIAL_COLUMNS),
    "curves": ("one row per trial and pass", schema.CURVE_COLUMNS),
    "landscape": ("one row per cell: errors with intervals", columns.LANDSCAPE_COLUMNS),
    "best_in_class": ("one row per law, family, depth and m", columns.BEST_IN_CLASS_COLUMNS),
    "comparisons": ("one row per pair of families", columns.COMPARISON_COLUMNS),
    "term_comparisons": (
        "one row per pair of families and term",
        columns.TERM_COMPARISON_COLUMNS,
    ),
    "robustness": ("one row per cell, family and measure", columns.ROBUSTNESS_COLUMNS),
    "traces": ("one row per cell and point along training", curve_columns.TRACE_COLUMNS),
    "early_stopping": (
        "one row per traced cell: where to stop, and a second descent",
        curve_columns.EARLY_STOPPING_COLUMNS,
    ),
    "crossovers": ("one row per pair of families, over n", columns.CROSSOVER_COLUMNS),
    "learning_curves": ("one row per law, family and depth", columns.LEARNING_CURVE_COLUMNS),
    "cross_entropy": ("one row per cell, in nats", columns.CROSS_ENTROPY_COLUMNS),
    "ensembles": ("one row per cell: the seeds' vote", columns.ENSEMBLE_COLUMNS),
    "cross_validation": (
        "one row per cell: its winner's k folds",
        columns.CROSS_VALIDATION_COLUMNS,
    ),
    "latent_planes": ("one row per cell, and of its law", columns.LATENT_PLANE_COLUMNS),
    "latent_maps": ("one row per cell and layout of its latents", columns.LATENT_MAP_COLUMNS),
    "latent_dims": ("one row per point of a curve over k", columns.LATENT_DIM_COLUMNS),
    "knees": ("one row per curve over the latent dimension k", columns.KNEE_COLUMNS),
    "capacities": ("one row per cell on the axis of capacities", curve_columns.CAPACITY_COLUMNS),
    "peaks": (
        "one row per curve over capacity c, at T and at convergence",
        curve_columns.PEAK_COLUMNS,
    ),
    "per_class": ("one row per cell and class: squared errors", columns.PER_CLASS_COLUMNS),
    "class_risks": ("one row per cell of classifiers and class", columns.CLASS_RISK_COLUMNS),
    "generation": ("one row per cell that generates", columns.GENERATION_COLUMNS),
    "variance": ("one row per cell, quantity and component", columns.VARIANCE_COLUMNS),
    "winners": ("one row per search; `hp_<name>` columns besides", columns.WINNER_COLUMNS),
}


def page() -> str:
    """The page as it should be."""
    parts = [f"## {name}\n\n{what}.\n\n{_rows(held)}" for name, (what, held) in TABLES.items()]
    return (
        "# Every column of every table\n\n"
        "Made by `python docs/tables.py`. The trial table is [trials](#trials). What is unknown is "
        "null, never 0.\n`risk` and `risk difference` are in the unit of the family's task: a "
        "probability where it classifies,\nsquared input where it reconstructs "
        "(`study/trials/tasks.py`).\n\n" + "\n".join(parts)
    )


def _rows(held: Sequence[Column]) -> str:
    lines = ["| column | dtype | unit | meaning |", "|---|---|---|---|"]
    for column in held:
        meaning = column.meaning.replace("|", "\\|")
        lines.append(f"| `{column.name}` | {column.dtype} | {column.unit} | {meaning} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
