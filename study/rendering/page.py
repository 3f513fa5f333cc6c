"""The page: a study's tables and pictures as one HTML file that reads without a network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from study.analysis.frames import Row, to_rows
from study.analysis.reading import Study
from study.analysis.results import Results
from study.rendering.exhibits import MAX_PICTURES
from study.rendering.hyperparameters import setting_rows
from study.rendering.pictures import Picture
from study.rendering.summary import flatten, summarise
from study.rendering.words import (
    Unit,
    damage_words,
    interval_of,
    number_of,
    split_by_task,
    unit_of,
    words_of,
)
from study.trials.schema import ERRORS, NOMINAL_ERRORS

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_LIST = 200  # rows of a list on the page; the tables on disk have them all


def render_page(
    study: Study,
    results: Results,
    pictures: Mapping[str, Sequence[Picture]],
    skipped: Sequence[str],
) -> str:
    """Render index.html; every text of the study is escaped.

    Args:
        study: as read.
        results: its tables.
        pictures: of write_pictures.
        skipped: a line for each exhibit that cannot be used.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        damage=damage_words, interval=interval_of, number=number_of, words=words_of
    )
    trials = to_rows(study.trials)
    rows = to_rows(results.landscape)
    comparisons = to_rows(results.comparisons)
    units = {row["family"]: unit_of(row["task"]) for row in trials}
    lists: dict[str, Sequence[Any]] = {
        "groups": _groups(rows),
        "hyperparameters": setting_rows(results.winners),
        "comparisons": sorted(comparisons, key=_evidence),
        "learning_curves": to_rows(results.learning_curves),
        "variance": to_rows(results.variance),
        "missing": to_rows(results.missing),
        "failed": [row for row in trials if row["status"] == "failed"],
    }
    return environment.get_template("index.html").render(
        **lists,
        sections=_sections(lists, pictures, skipped),
        name=study.name,
        provenance=flatten(study.provenance),
        summary=summarise(study, results),
        errors=ERRORS,
        nominal_errors=NOMINAL_ERRORS,
        units=units,
        points=_points(rows),
        has_several_tasks=len(split_by_task(rows)) > 1,
        best=to_rows(results.best_in_class),
        is_ideal_known=any(row["ideal_risk"] is not None for row in rows),
        num_significant=sum(row["significant"] or 0 for row in comparisons),
        pictures=pictures,
        max_exhibits=MAX_PICTURES,
        skipped=skipped,
        longest=LONGEST_LIST,
        no_bayes_risk=sorted({r["population"] for r in rows if _lacks_bayes_risk(r)}),
        unsettled=[
            r for r in rows if r["share_converged"] is not None and r["share_converged"] < 1
        ],
    )


def _sections(
    lists: Mapping[str, Sequence[Any]],
    pictures: Mapping[str, Sequence[Picture]],
    skipped: Sequence[str],
) -> list[tuple[str, str]]:
    """Return the anchors and the words of the navigation: of what has something to show."""
    drawn = [picture for name, held in pictures.items() if name != "exhibits" for picture in held]
    found = [
        ("landscape", "Landscape", lists["groups"]),
        ("hyperparameters", "Hyperparameters", lists["hyperparameters"]),
        ("comparisons", "Families compared", lists["comparisons"]),
        ("sizes", "Sample size", lists["learning_curves"]),
        ("variance", "Variance", lists["variance"]),
        ("figures", "Figures", drawn),
        ("exhibits", "Exhibits", [*pictures["exhibits"], *skipped]),
        ("missing", "Missing", lists["missing"]),
        ("failed", "Failed", lists["failed"]),
    ]
    always = [("run", "What was run"), ("read", "How to read it")]
    return always + [(anchor, words) for anchor, words, held in found if held]


def _points(rows: Sequence[Row]) -> str:
    """Return what differences of risks are shown in, by task where there are several."""
    tasks = split_by_task(rows)
    if len(tasks) > 1:
        return ", ".join(f"{t.unit.points} ({t.title.removesuffix(' · ')})" for t in tasks)
    return tasks[0].unit.points if tasks else unit_of(None).points


def _evidence(row: Row) -> float:
    return 2.0 if row["p_holm"] is None else float(row["p_holm"])


def _lacks_bayes_risk(row: Row) -> bool:
    return row["bayes_risk"] is None and row["num_seeds"] > 0


def _groups(rows: Sequence[Row]) -> list[tuple[str, Unit, list[Row]]]:
    """Split the landscape as the page shows it: by task, population, distortion, sample size."""
    groups: list[tuple[str, Unit, list[Row]]] = []
    for task in split_by_task(rows):
        held: dict[str, list[Row]] = {}
        for row in task.rows:
            damage = words_of(row["distortion"])
            title = f"{task.title}{row['population']} · {damage} · n = {row['num_train']}"
            held.setdefault(title, []).append(row)
        groups += [(title, task.unit, mine) for title, mine in held.items()]
    return groups
