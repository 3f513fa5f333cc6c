"""The page: a study's tables and pictures as one HTML file that reads without a network."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from study.analysis.columns import ERRORS, NOMINAL_ERRORS
from study.analysis.comparisons import CELL, POPULATION
from study.analysis.faults import FAULTS, populations_of
from study.analysis.frames import Row, to_rows
from study.analysis.reading import Study
from study.analysis.results import Results
from study.analysis.term_comparisons import TERMS
from study.rendering.capacities import peak_rows
from study.rendering.cells import explored
from study.rendering.costs import costs
from study.rendering.embedding import libraries, script_json
from study.rendering.exhibits import REFERENCES
from study.rendering.explorer import specs
from study.rendering.findings import UNKNOWNS_TITLE, Findings
from study.rendering.generation import GENERATION_UNIT, generation_number, generation_rows
from study.rendering.hyperparameters import setting_rows
from study.rendering.latent_dims import knee_rows
from study.rendering.latent_maps import LAYOUT_WORDS
from study.rendering.per_class import class_tables
from study.rendering.pictures import Picture
from study.rendering.proposals import Search, proposals_held, searches_of
from study.rendering.robustness import measure_title, robustness_tables
from study.rendering.shown import MAX_PICTURES
from study.rendering.style import DARK_COLOURS, ERROR_COLOURS
from study.rendering.summary import budgets, flatten, summarise
from study.rendering.templating import LONGEST_LIST, html_environment
from study.rendering.terminal import known_errors
from study.rendering.traces import stop_tables, stop_words
from study.rendering.units import Unit, unit_of
from study.rendering.unknowns import seconds_text
from study.rendering.verdicts import verdicts_by_size
from study.rendering.words import (
    FAULT_WORDS,
    TaskRows,
    counted,
    damage_words,
    group_title,
    interval_of,
    mark_of,
    number_of,
    populations_without_floor,
    seeds_words,
    size_words,
    split_by_task,
    value_of,
    words_of,
)
from study.trials.tasks import CLASSIFICATION


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
    trials = to_rows(study.trials)
    rows = to_rows(results.landscape)
    by_cell = [row for row in to_rows(results.comparisons) if row["scope"] == CELL]
    lists = _lists(study, results)
    found = explored(study, results, pictures)
    return (
        _environment()
        .get_template("index.html")
        .render(
            **lists,
            sections=_sections({**lists, "explored": found}, pictures, skipped),
            explored=_script_of(found, lists["searches"]) if found else "",
            libraries=libraries() if found else "",
            name=study.name,
            provenance=flatten(study.provenance),
            summary=summarise(study, results),
            budgets=budgets(trials),
            seeds=seeds_words(rows),
            findings=findings,
            unknowns_title=UNKNOWNS_TITLE,
            notes=results.notes,
            faults=FAULTS,
            generation_unit=GENERATION_UNIT,
            error_colours=ERROR_COLOURS,
            dark_colours=DARK_COLOURS,
            errors=ERRORS,
            nominal_errors=NOMINAL_ERRORS,
            points=_points(rows),
            has_several_tasks=len(split_by_task(rows)) > 1,
            best=_of_families(to_rows(results.best_in_class), _tasks(trials)),
            is_ideal_known=any(row["ideal_risk"] is not None for row in rows),
            num_tested=sum(row["significant"] is not None for row in by_cell),
            num_untested=sum(row["significant"] is None for row in by_cell),
            num_significant=sum(row["significant"] or 0 for row in by_cell),
            pictures=pictures,
            references=REFERENCES,
            layouts=LAYOUT_WORDS,
            has_scenes=any(picture.scenes for picture in pictures["exhibits"]),
            max_exhibits=MAX_PICTURES,
            skipped=skipped,
            longest=LONGEST_LIST,
            no_floor=_without_floor(rows),
            classification=CLASSIFICATION,
            has_other_tasks=any(task.task != CLASSIFICATION for task in split_by_task(rows)),
        )
    )


def _environment() -> Environment:
    """The templates, with the words and numbers they ask for."""
    return html_environment(
        counted=counted,
        damage=damage_words,
        generated=generation_number,
        fault=FAULT_WORDS.__getitem__,
        interval=interval_of,
        known=_known,
        known_errors=known_errors,
        mark=mark_of,
        measure=measure_title,
        number=number_of,
        seconds=seconds_text,
        size=size_words,
        stop=stop_words,
        subscripts=_subscripts,
        unit=unit_of,
        value=value_of,
        words=words_of,
    )


def _lists(study: Study, results: Results) -> dict[str, Sequence[Any]]:
    """Return what the page has as rows, by the name its template calls it; empty ones too."""
    trials, rows = to_rows(study.trials), to_rows(results.landscape)
    comparisons, tasks = sorted(to_rows(results.comparisons), key=_evidence), _tasks(trials)
    over_all, by_cell = (
        [row for row in comparisons if row["scope"] == scope] for scope in (POPULATION, CELL)
    )
    return {
        "groups": _groups(rows),
        "hyperparameters": _of_families(setting_rows(results.winners), tasks),
        "over_all": split_by_task(over_all),
        "by_cell": split_by_task(by_cell),
        "terms_over_all": _by_term(results, POPULATION),
        "terms_by_cell": _by_term(results, CELL),
        "learning_curves": _of_families(to_rows(results.learning_curves), tasks),
        "knees": knee_rows(results.knees),
        "peaks": peak_rows(results.peaks),
        "per_class": class_tables(results.per_class),
        "class_risks": class_tables(results.class_risks),
        "robustness": robustness_tables(results.robustness),
        "stops": stop_tables(results.early_stopping),
        "generation": generation_rows(results.generation),
        "cross_entropy": to_rows(results.cross_entropy),
        "ensembles": split_by_task(to_rows(results.ensembles)),
        "cross_validation": split_by_task(to_rows(results.cross_validation)),
        "variance": _of_families(to_rows(results.variance), tasks),
        "latent_planes": to_rows(results.latent_planes),
        "latent_maps": to_rows(results.latent_maps),
        "verdicts": verdicts_by_size(results.landscape, results.comparisons, study.trials),
        "searches": searches_of(study.trials),
        "costs": costs(study.trials),
        "missing": to_rows(results.missing),
        "failed": [row for row in trials if row["status"] == "failed"],
    }


def _tasks(trials: Sequence[Row]) -> dict[str, str]:
    """Return each family's task, where it is known."""
    return {row["family"]: row["task"] for row in trials if row["task"] is not None}


def _script_of(found: dict[str, Any], searches: Sequence[Search]) -> Markup:
    """Return what explore.js reads: what the explorer holds, and the charts that show it."""
    return script_json({**found, "proposals": proposals_held(searches), "charts": specs()})


def _of_families(rows: Sequence[Row], tasks: Mapping[str, str]) -> list[TaskRows]:
    """Split a table that names families, whose tasks these are."""
    return split_by_task([{**row, "task": tasks.get(row["family"])} for row in rows])


def _without_floor(rows: Sequence[Row]) -> list[tuple[TaskRows, list[str]]]:
    """Return the populations on which R* is unknown, by task."""
    found = [(task, populations_without_floor(task.rows)) for task in split_by_task(rows)]
    return [(task, names) for task, names in found if names]


def _known(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """Return the columns that any row knows: a column of dashes only is not shown."""
    return [name for name in names if any(row[name] is not None for row in rows)]


def _subscripts(text: str) -> Markup:
    """Escape a text and set the symbols in it as symbols: U_H, U_A, R_n."""
    return Markup(re.sub(r"\b(U|R)_(H|A|n)\b", r"\1<sub>\2</sub>", str(escape(text))))


def _sections(
    lists: Mapping[str, Any],
    pictures: Mapping[str, Sequence[Picture]],
    skipped: Sequence[str],
) -> list[tuple[str, str]]:
    """Return the anchors and the words of the navigation: of what has something to show."""
    drawn = [picture for name, held in pictures.items() if name != "exhibits" for picture in held]
    found = [
        ("explore", "Explore", lists["explored"]),
        ("details", "In detail", True),
        ("read", "How to read it", True),
        ("verdicts", "Verdicts by n", lists["verdicts"]),
        ("comparisons", "Families compared", [*lists["over_all"], *lists["by_cell"]]),
        ("landscape", "Landscape", lists["groups"]),
        ("figures", "Figures", drawn),
        ("exhibits", "Exhibits", [*pictures["exhibits"], *skipped]),
        ("sizes", "Sample size", lists["learning_curves"]),
        ("latent_dims", "Latent dimension", lists["knees"]),
        ("capacities", "Capacity", lists["peaks"]),
        ("per_class", "By class", lists["per_class"]),
        ("class_risks", "Classes", lists["class_risks"]),
        ("robustness", "Corrupted images", lists["robustness"]),
        ("traces", "Along training", lists["stops"]),
        ("generation", "Generated", lists["generation"]),
        ("cross_entropy", "Cross-entropy", lists["cross_entropy"]),
        ("ensembles", "Votes", lists["ensembles"]),
        ("cross_validation", "Cross-validation", lists["cross_validation"]),
        ("variance", "Variance", lists["variance"]),
        ("latent_planes", "Latent planes", lists["latent_planes"]),
        ("latent_maps", "Latent maps", lists["latent_maps"]),
        ("hyperparameters", "Hyperparameters", lists["hyperparameters"]),
        ("search", "Search", lists["searches"]),
        ("cost", "Cost", lists["costs"]),
        ("run", "What was run", True),
        ("missing", "Missing", lists["missing"]),
        ("failed", "Failed", lists["failed"]),
    ]
    return [(anchor, words) for anchor, words, held in found if held]


def _points(rows: Sequence[Row]) -> str:
    """Return what differences of risks are shown in, by task where there are several."""
    tasks = split_by_task(rows)
    if len(tasks) > 1:
        return ", ".join(f"{t.unit.points} ({t.title.removesuffix(' · ')})" for t in tasks)
    return tasks[0].unit.points if tasks else unit_of(None).points


def _by_term(results: Results, scope: str) -> list[TaskRows]:
    """Return the comparisons by every term: the significant ones first, LONGEST_LIST of a term."""
    rows = [row for row in to_rows(results.term_comparisons) if row["scope"] == scope]
    held = [
        row
        for error in TERMS
        for task in split_by_task([row for row in rows if row["error"] == error])
        for row in sorted(task.rows, key=_sureness)[:LONGEST_LIST]
    ]
    return split_by_task(sorted(held, key=_sureness))


def _sureness(row: Row) -> tuple[bool, float]:
    return row["significant"] is not True, _evidence(row)


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
