"""The command `python -m study.report`: tables, and a page that reads without a network.

    python -m study.report DIR|trials.parquet [--out DIR]

Every number comes from the tables. DIR is a study's folder; with a trials table alone there are
no learning curves and no provenance, and the rest is the same.
"""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from study import cli
from study.analysis.class_risks import bayes_confusion
from study.analysis.decisions import Decisions
from study.analysis.exhibits import Array, Arrays, exhibit_ids, read_exhibits
from study.analysis.files import write_text
from study.analysis.frames import Row, TableError
from study.analysis.joined import join
from study.analysis.reading import Study, read_study
from study.analysis.results import write_results
from study.opened import StudyResults
from study.rendering.exhibits import Kind
from study.rendering.findings import find, findings_text
from study.rendering.latent_maps import names_of_classes
from study.rendering.names import (
    LONGEST_TEXT,
    shown_frame,
    shown_name,
    shown_results,
    shown_study,
)
from study.rendering.page import render_page
from study.rendering.pictures import write_pictures
from study.rendering.shown import shown_exhibits, shown_trials
from study.rendering.terminal import render_landscape_text, wrap_findings
from study.storage.opening import is_address, store_at
from study.storage.store import KEPT_WITH_TRIALS, StorageError
from study.trials.exhibits import law_exhibit
from study.trials.trial import cell_of

FINDINGS = "findings.txt"
SCREEN = 40  # lines of a terminal


def write_report(path: Path, out: Path | None = None) -> Path:
    """Write the results' tables, findings.txt and report/; return report/index.html.

    Args:
        path: a study's folder, or a trials table.
        out: the folder to write to; the study's own by default.

    Raises:
        TableError: the tables cannot be used.
        OSError: the folder cannot be written.
    """
    opened = StudyResults(read_study(path))
    target = out or (path if path.is_dir() else path.parent)
    if (target / "report").is_symlink():  # what it leads to may be anybody's
        raise TableError(f"{target / 'report'} is a link: no report is written through one")
    results = opened.results
    write_results(results, target, opened.study.levels)
    figures = target / "report" / "figures"
    if figures.is_dir():  # figures of an earlier state of the study would lie
        shutil.rmtree(figures)
    study, results = shown_study(opened.study), shown_results(results)
    named = names_of_classes(results.per_class) | names_of_classes(results.class_risks)
    exhibits, skipped = _read_exhibits(study, opened.laws, named)
    pictures = write_pictures(study, results, exhibits, figures)
    findings = find(study, results)
    lines = dict.fromkeys((*opened.unread, *skipped))  # a file may be read twice
    told = [shown_name(line, LONGEST_TEXT) for line in lines]
    page = render_page(study, results, pictures, told, findings)
    write_text(findings_text(findings), target / FINDINGS)
    return write_text(page, target / "report" / "index.html")


def terminal_text(folder: Path, width: int) -> str:
    """What a terminal shows of a study whose report was written: findings, then the landscape.

    Where all that is longer than a screen, its first lines end it again: they are what was asked.
    """
    findings = wrap_findings((folder / FINDINGS).read_text(encoding="utf-8"), width)
    table = shown_frame(pd.read_parquet(folder / "landscape.parquet"))
    landscape = render_landscape_text(table, width)
    text = f"{findings}\n{landscape}"
    headline = findings.partition("\n\n")[0]
    is_long = text.count("\n") > SCREEN
    return f"{text}\nIn short\n{headline}\n" if is_long else text


def _read_exhibits(
    study: Study, laws: Mapping[str, Arrays], class_names: Mapping[str, Mapping[int, str]]
) -> tuple[list[tuple[Kind, Any, tuple[str, ...]]], list[str]]:
    """Return the exhibits that the page shows, and a line for each file that cannot be used."""
    if study.folder is None or not (present := exhibit_ids(study.folder)):
        return [], []
    cells = join(study.trials).current["measure"].values()
    held = [dict(row) for rows in cells for row in rows if row["trial_id"] in present]
    shown = shown_trials(held, present)
    exhibits, skipped = read_exhibits(study.folder, [row["trial_id"] for row in shown])
    bayes = {} if study.decisions is None else _bayes_rules(study.decisions, shown)
    return shown_exhibits(shown, exhibits, laws, class_names, bayes), skipped


def _bayes_rules(decisions: Decisions, rows: Sequence[Row]) -> dict[str, Array]:
    """What the Bayes rules of the rows' laws decide, of those that are known."""
    cells = {law_exhibit(cell): cell for cell in map(cell_of, rows)}
    found = {name: bayes_confusion(decisions, cell) for name, cell in cells.items()}
    return {name: counts for name, counts in found.items() if counts is not None}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report of a study, print what was found and where the page is.

    Returns:
        The exit status: 0, or 2 where the input is wrong.
    """
    cli.print_whatever_can_be_shown()
    parser = cli.Parser(prog="python -m study.report", description="Write a study's report.")
    parser.add_argument("path", metavar="DIR|trials.parquet", help="DIR may be an S3 address")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: beside)")
    options = parser.parse_args(arguments)
    try:
        headline, page = _write(options.path, options.out)
    except (TableError, StorageError, OSError) as error:
        return cli.complain("study.report", cli.reason(error))
    print(wrap_findings(headline, shutil.get_terminal_size(fallback=(100, SCREEN)).columns))
    print(page)
    return cli.OK


def _write(place: str, out: Path | None) -> tuple[str, str]:
    """Write a report; return what was found, in two lines, and where the page is."""
    if not is_address(place):
        page = write_report(Path(place), out)
        return _headline(page), str(page)
    store = store_at(place)
    with store.workspace() as folder:
        for kept in KEPT_WITH_TRIALS:
            store.fetch(folder, kept)
        page = write_report(folder, out)
        if out is not None:
            return _headline(page), str(page)
        store.publish(folder)
        return _headline(page), f"{store.shown}/{page.relative_to(folder)}"


def _headline(page: Path) -> str:
    return (page.parents[1] / FINDINGS).read_text(encoding="utf-8").partition("\n\n")[0]


if __name__ == "__main__":
    sys.exit(main())
