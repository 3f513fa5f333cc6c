"""Two studies' landscapes side by side, as one HTML file that reads without a network."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from study.analysis.columns import ERRORS
from study.analysis.faults import distinct_cells, place_of
from study.analysis.frames import Row, to_rows
from study.analysis.reading import Study
from study.analysis.results import Results
from study.rendering.compared import CAUTION, by_size, distinct_errors, in_common, told_apart
from study.rendering.names import shown_frame, shown_results, shown_study
from study.rendering.style import DARK_COLOURS, ERROR_COLOURS
from study.rendering.summary import summarise
from study.rendering.templating import LONGEST_LIST, html_environment
from study.rendering.words import (
    TaskRows,
    counted,
    damage_words,
    interval_of,
    listed,
    network_words,
    split_by_task,
    value_of,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Compared:
    """What two studies differ in, of one task.

    Attributes:
        task: its rows, a cell and error each, those apart first.
        apart: of them.
        errors: that both know of a cell of it.
        cells: by error the rows of each cell, in the order of `task`.
    """

    task: TaskRows
    apart: Sequence[Row]
    errors: Sequence[str]
    cells: Sequence[Mapping[str, Row]]


def render_compared(
    difference: pd.DataFrame,
    first: tuple[Study, Results],
    second: tuple[Study, Results],
    table: str,
) -> str:
    """Render compared/index.html; every text of the studies is escaped.

    Args:
        difference: of `StudyResults.diff`, the first's beside the second's.
        first: a study as read, and its tables.
        second: the other.
        table: the name of the file that has all of `difference`.
    """
    shown = [(shown_study(study), shown_results(results)) for study, results in (first, second)]
    names = told_apart(*(study.name for study, _ in shown))
    rows = distinct_errors(to_rows(shown_frame(difference)))
    landscapes = [distinct_cells(to_rows(results.landscape)) for _, results in shown]
    alone = [_alone(*landscapes), _alone(*reversed(landscapes))]
    environment = html_environment(
        counted=counted,
        damage=damage_words,
        interval=interval_of,
        listed=listed,
        network=network_words,
        value=value_of,
    )
    return environment.get_template("compared.html").render(
        names=names,
        table=table,
        in_common=in_common(rows, names),
        caution=CAUTION,
        tasks=[_compared(task) for task in split_by_task(rows)],
        alone=[(name, list(found)) for name, found in zip(names, alone, strict=True)],
        settings=_settings(*(summarise(*held) for held in shown)),
        error_colours=ERROR_COLOURS,
        dark_colours=DARK_COLOURS,
        longest=LONGEST_LIST,
    )


def _compared(task: TaskRows) -> _Compared:
    rows = sorted(task.rows, key=by_size)
    cells: dict[tuple[object, ...], dict[str, Row]] = defaultdict(dict)
    for row in rows:
        cells[place_of(row)][row["error"]] = row
    return _Compared(
        task=task,
        apart=[row for row in rows if row["apart"]],
        errors=[error for error in ERRORS if any(error in held for held in cells.values())],
        cells=list(cells.values()),
    )


def _alone(mine: Sequence[Row], theirs: Sequence[Row]) -> Iterator[tuple[Row, Sequence[str]]]:
    """Cells of one landscape, and what of them the other does not know: none named, the cell."""
    others = {(row["task"], *place_of(row)): row for row in theirs}
    for row in mine:
        other = others.get((row["task"], *place_of(row)))
        if other is None:
            yield row, ()
        elif errors := [e for e in ERRORS if row[e] is not None and other[e] is None]:
            yield row, errors


def _settings(
    first: Sequence[tuple[str, str]], second: Sequence[tuple[str, str]]
) -> list[tuple[str, str, str]]:
    """Return what was run otherwise, as a name and a text of each study."""
    held: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, pairs in enumerate((first, second)):
        for name, text in pairs:
            held[name][side].append(text)
    return [(name, "; ".join(a), "; ".join(b)) for name, (a, b) in held.items() if a != b]
