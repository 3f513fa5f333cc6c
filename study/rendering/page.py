"""The page: a study's tables and pictures as one HTML file that reads without a network."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from study.analysis.comparisons import CELL, POPULATION
from study.analysis.frames import Row, to_rows
from study.analysis.reading import Study
from study.analysis.results import Results
from study.rendering.exhibits import MAX_PICTURES
from study.rendering.faults import FAULTS, populations_of
from study.rendering.findings import Findings
from study.rendering.hyperparameters import setting_rows
from study.rendering.pictures import Picture
from study.rendering.style import ERROR_COLOURS
from study.rendering.summary import flatten, summarise
from study.rendering.words import (
    FAULT_WORDS,
    Unit,
    damage_words,
    group_title,
    interval_of,
    lacks_floor,
    mark_of,
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
    findings: Findings,
) -> str:
    """Render index.html; every text of the study is escaped.

    Args:
        study: as read.
        results: its tables.
        pictures: of write_pictures.
        skipped: a line for each exhibit that cannot be used.
        findings: of the study.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        damage=damage_words,
        fault=FAULT_WORDS.__getitem__,
        interval=interval_of,
        mark=mark_of,
        number=number_of,
        subscripts=_subscripts,
        words=words_of,
    )
    trials = to_rows(study.trials)
    rows = to_rows(results.landscape)
    comparisons = sorted(to_rows(results.comparisons), key=_evidence)
    units = {row["family"]: unit_of(row["task"]) for row in trials}
    lists: dict[str, Sequence[Any]] = {
        "groups": _groups(rows),
        "hyperparameters": setting_rows(results.winners),
        "over_all": [row for row in comparisons if row["scope"] == POPULATION],
        "by_cell": [row for row in comparisons if row["scope"] == CELL],
        "learning_curves": to_rows(results.learning_curves),
        "cross_entropy": to_rows(results.cross_entropy),
        "ensembles": to_rows(results.ensembles),
        "cross_validation": to_rows(results.cross_validation),
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
        findings=findings,
        notes=results.notes,
        faults=FAULTS,
        error_colours=ERROR_COLOURS,
        errors=ERRORS,
        nominal_errors=NOMINAL_ERRORS,
        units=units,
        points=_points(rows),
        has_several_tasks=len(split_by_task(rows)) > 1,
        best=to_rows(results.best_in_class),
        is_ideal_known=any(row["ideal_risk"] is not None for row in rows),
        num_significant=sum(row["significant"] or 0 for row in lists["by_cell"]),
        pictures=pictures,
        max_exhibits=MAX_PICTURES,
        skipped=skipped,
        longest=LONGEST_LIST,
        no_bayes_risk=sorted({row["population"] for row in rows if lacks_floor(row)}),
    )


def _subscripts(text: str) -> Markup:
    """Escape a text and set the symbols in it as symbols: U_H, U_A, R_n."""
    return Markup(re.sub(r"\b(U|R)_(H|A|n)\b", r"\1<sub>\2</sub>", str(escape(text))))


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
        ("comparisons", "Families compared", [*lists["over_all"], *lists["by_cell"]]),
        ("sizes", "Sample size", lists["learning_curves"]),
        ("cross_entropy", "Cross-entropy", lists["cross_entropy"]),
        ("ensembles", "Votes", lists["ensembles"]),
        ("cross_validation", "Cross-validation", lists["cross_validation"]),
        ("variance", "Variance", lists["variance"]),
        ("figures", "Figures", drawn),
        ("exhibits", "Exhibits", [*pictures["exhibits"], *skipped]),
        ("missing", "Missing", lists["missing"]),
        ("failed", "Failed", lists["failed"]),
    ]
    always = [("read", "How to read it"), ("run", "What was run")]
    return always + [(anchor, words) for anchor, words, held in found if held]


def _points(rows: Sequence[Row]) -> str:
    """Return what differences of risks are shown in, by task where there are several."""
    tasks = split_by_task(rows)
    if len(tasks) > 1:
        return ", ".join(f"{t.unit.points} ({t.title.removesuffix(' · ')})" for t in tasks)
    return tasks[0].unit.points if tasks else unit_of(None).points


def _evidence(row: Row) -> float:
    return 2.0 if row["p_holm"] is None else float(row["p_holm"])


def _groups(rows: Sequence[Row]) -> list[tuple[str, Unit, list[Row]]]:
    """Split the landscape as the page shows it: by task, population, distortion, sample size."""
    groups: list[tuple[str, Unit, list[Row]]] = []
    for task in split_by_task(rows):
        held: dict[tuple[str, str, int], list[Row]] = {}
        order = populations_of(task.rows)
        for row in sorted(task.rows, key=lambda row: order.index(row["population"])):
            key = (row["population"], row["distortion"], row["num_train"])
            held.setdefault(key, []).append(row)
        groups += [(f"{task.title}{group_title(mine)}", task.unit, mine) for mine in held.values()]
    return groups
