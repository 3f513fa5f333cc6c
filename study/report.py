"""The command `python -m study.report`: tables, and a page that reads without a network.

    python -m study.report DIR|trials.parquet [--out DIR]
    python -m study.report DIR --follow        the page of a running study, on loopback
    python -m study.report A B                 what two studies' landscapes differ in, as a page too

Every number comes from the tables. DIR is a study's folder; with a trials table alone there are
no learning curves and no provenance, and the rest is the same.
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from study import cli
from study.analysis.class_risks import bayes_confusion
from study.analysis.decisions import Decisions
from study.analysis.exhibits import Array, Arrays, exhibit_ids, read_exhibits
from study.analysis.files import write_csv, write_text
from study.analysis.frames import Row, TableError
from study.analysis.joined import join
from study.analysis.reading import Study, read_study
from study.analysis.results import write_results
from study.engine.signals import INTERRUPTED
from study.following import follow
from study.opened import StudyResults, open_results
from study.options import report_parser
from study.rendering.compared import render_differences
from study.rendering.compared_page import render_compared
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
from study.rendering.paper import write_paper
from study.rendering.pictures import write_pictures
from study.rendering.shown import shown_exhibits, shown_trials
from study.rendering.terminal import render_landscape_text, wrap_findings
from study.storage.ledger import LedgerError
from study.storage.opening import is_address, store_at
from study.storage.store import KEPT_WITH_TRIALS, StorageError
from study.trials.exhibits import law_exhibit
from study.trials.trial import cell_of

FINDINGS = "findings.txt"
TABLES = (".parquet", ".csv")
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
    folder = _folder_of_pages(target, "report")
    results = opened.results
    write_results(results, target, opened.study.levels)
    figures = folder / "figures"
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
    return write_text(page, folder / "index.html")


def _folder_of_pages(target: Path, name: str) -> Path:
    """Where pages go in a folder.

    Raises:
        TableError: it is a link; what that leads to may be anybody's.
    """
    folder = target / name
    if folder.is_symlink():
        raise TableError(f"{folder} is a link: no report is written through one")
    return folder


def write_latex(path: Path, out: Path) -> Path:
    """Write report/latex/, tables and methods for a paper; return the folder.

    Args:
        path: a study's folder, or a trials table.
        out: the folder that its report was written to.

    Raises:
        TableError: the tables cannot be used.
        OSError: the folder cannot be written.
    """
    opened = StudyResults(read_study(path))
    return write_paper(opened.study, opened.results, out / "report" / "latex")


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


def main(arguments: Sequence[str] | None = None, prog: str = "python -m study.report") -> int:
    """Write the report of a study, print what was found and where the page is.

    Returns:
        The exit status: 0, 2 where the input is wrong, or 130 where following was interrupted.
    """
    cli.print_whatever_can_be_shown()
    parser = report_parser(prog)
    options = parser.parse_args(arguments)
    if len(options.paths) > 2:
        parser.error(f"{len(options.paths)} studies: allowed are one, or two to compare")
    if len(options.paths) == 2 and (options.latex or options.follow):
        parser.error("--latex and --follow: allowed with one study")
    if options.follow and (options.latex or options.out):
        parser.error("--follow: allowed without --out and --latex; it writes nothing that stays")
    try:
        if len(options.paths) == 2:
            return _compare(options)
        if options.follow:
            follow(options.paths[0], write_report, partial(print, flush=True))
        written = _write(options.paths[0], options.out, with_latex=options.latex)
    except (TableError, LedgerError, StorageError, OSError) as error:
        return cli.complain("study.report", cli.reason(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    _tell(written, options)
    return cli.OK


def _compare(options: argparse.Namespace) -> int:
    """Write and print what two studies differ in; the first study's folder takes the files.

    Raises:
        TableError: a study cannot be read, or nobody said where an S3 study's file is to go.
        StorageError: an address does not answer.
    """
    first, second = (open_results(path) for path in options.paths)
    place = options.paths[0]
    if options.out is None and is_address(place):
        raise TableError(f"{place}: --out says where a comparison of what is on S3 is written")
    beside = Path(place) if Path(place).is_dir() else Path(place).parent
    difference = first.diff(second)
    target = options.out or beside
    path = target / f"beside-{_file_name(second.name)}.csv"
    write_csv(difference, path)
    mine, theirs = ((found.study, found.results) for found in (first, second))
    html = render_compared(difference, mine, theirs, path.name)
    page = write_text(html, _folder_of_pages(target, "compared") / "index.html")
    if options.json:
        told = {
            "first": first.name,
            "second": second.name,
            "page": str(page),
            "table": str(path),
            "num_errors": len(difference),
            "num_apart": int(difference["apart"].sum()),
        }
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return cli.OK
    if not options.quiet:
        width = shutil.get_terminal_size(fallback=(100, SCREEN)).columns
        print(render_differences(difference, (first.name, second.name), width))
        print(path)
    print(page)
    return cli.OK


def _file_name(name: str) -> str:
    """A study's name as part of a file's: it may come from anywhere."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:64]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Written:
    """What the command wrote.

    Attributes:
        page: where the page is, as the user names places.
        findings: all of findings.txt.
        tables: names of the files that numbers are in.
        latex: where the files for a paper are; None: they were not asked for.
    """

    page: str
    findings: str
    tables: Sequence[str]
    latex: str | None

    @property
    def headline(self) -> str:
        """What was found, in two lines."""
        return self.findings.partition("\n\n")[0]


def _tell(written: _Written, options: argparse.Namespace) -> None:
    if options.json:
        told = {
            "page": written.page,
            "headline": written.headline.splitlines(),
            "findings": written.findings.splitlines(),
            "tables": list(written.tables),
            "latex": written.latex,
        }
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return
    if not options.quiet:
        width = shutil.get_terminal_size(fallback=(100, SCREEN)).columns
        print(wrap_findings(written.headline, width))
        if written.latex is not None:
            print(f"for a paper: {written.latex}")
    print(written.page)


def _write(place: str, out: Path | None, *, with_latex: bool = False) -> _Written:
    """Write a report."""
    if not is_address(place):
        return _written(Path(place), out, with_latex, shown=None)
    store = store_at(place)
    with store.workspace() as folder:
        for kept in KEPT_WITH_TRIALS:
            store.fetch(folder, kept)
        written = _written(folder, out, with_latex, shown=None if out else store.shown)
        if out is None:
            store.publish(folder)
        return written


def _written(path: Path, out: Path | None, with_latex: bool, shown: str | None) -> _Written:
    """Write a report, and what goes into a paper where that is asked for."""
    page = write_report(path, out)
    target = page.parents[1]
    latex = write_latex(path, target) if with_latex else None

    def named(file: Path) -> str:
        return str(file) if shown is None else f"{shown}/{file.relative_to(target)}"

    return _Written(
        page=named(page),
        findings=(target / FINDINGS).read_text(encoding="utf-8"),
        tables=sorted(named(file) for file in target.iterdir() if file.suffix in TABLES),
        latex=None if latex is None else named(latex),
    )


if __name__ == "__main__":
    sys.exit(main())
