"""The report: the landscape's tables and a page that reads without a network.

    python -m study.report DIR|trials.parquet [--out DIR]

Every number comes from the tables. DIR is a study's folder; with a trials table alone there are
no learning curves and no provenance, and the rest is the same.
"""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

from study import command
from study.density import missing_rows
from study.estimates import current_rows
from study.figures import (
    HeatMaps,
    LineGrid,
    draw_heat_maps,
    draw_line_grid,
    error_lines,
    heat_maps,
    learning_curves,
    write_figure,
)
from study.results import Results, build_results, write_results
from study.schema import ERRORS, NOMINAL_ERRORS, UNDISTORTED
from study.size_figures import SizeGrid, draw_size_grid, size_grids
from study.storage import StorageError, is_address, store_at
from study.table import (
    Levels,
    Row,
    TableError,
    read_curves,
    read_trials,
    to_rows,
    write_text,
)
from study.terminal import render_landscape_text

__all__ = ["main", "render_landscape_text", "write_report"]

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_LIST = 200  # rows of a list on the page; the tables on disk have them all


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One figure of the page: its file relative to the page, and what it shows, in words."""

    file: str
    alt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """A study's tables as read, and where its provenance came from."""

    name: str
    trials: pd.DataFrame
    levels: Levels
    curves: pd.DataFrame | None
    provenance: Mapping[str, Any]


# ---------------------------------------------------------------- reading


def read_study(path: Path) -> Study:
    """Read a study from its folder or from a trials table alone.

    Raises:
        TableError: one line, where a file is missing or cannot be used.
    """
    if path.is_dir():
        folder, trials_path = path, path / "trials.parquet"
        if not trials_path.is_file():
            raise TableError(f"{path} holds no trials.parquet: not a study's folder")
    else:
        folder, trials_path = path.parent, path
    trials, levels = read_trials(trials_path)
    with_folder = path.is_dir()
    curves_path = folder / "curves.parquet"
    provenance = _read_provenance(folder / "provenance.json") if with_folder else {}
    default = folder.resolve().name if with_folder else path.stem
    return Study(
        name=str(provenance.get("name") or default),
        trials=trials,
        levels=levels,
        curves=read_curves(curves_path) if with_folder and curves_path.is_file() else None,
        provenance=provenance,
    )


def _read_provenance(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TableError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(found, dict):
        raise TableError(f"{path} holds no JSON object")
    return found


# ---------------------------------------------------------------- writing


def write_report(path: Path, out: Path | None = None) -> Path:
    """Write the results' tables and report/; return report/index.html.

    Args:
        path: a study's folder, or a trials table.
        out: the folder to write to; the study's own by default.

    Raises:
        TableError: the tables cannot be used.
        OSError: the folder cannot be written.
    """
    study = read_study(path)
    target = out or (path if path.is_dir() else path.parent)
    results = build_results(study.trials, study.levels)
    write_results(results, target, study.levels)
    figures = target / "report" / "figures"
    if figures.is_dir():  # figures of an earlier state of the study would lie
        shutil.rmtree(figures)
    pictures = write_pictures(study, results, figures)
    page = render_page(study, results, pictures)
    return write_text(page, target / "report" / "index.html")


def write_pictures(study: Study, results: Results, folder: Path) -> dict[str, list[Picture]]:
    """Write all figures into a folder; return what to show under which heading."""
    pictures: dict[str, list[Picture]] = {"heat": [], "lines": [], "curves": [], "sizes": []}
    for number, info in enumerate(heat_maps(results.landscape)):
        name = f"heat_{number:02d}_{info.error}.svg"
        pictures["heat"].append(_picture(draw_heat_maps(info), folder / name, _heat_words(info)))
    for number, grid in enumerate(error_lines(results.landscape)):
        path = folder / f"lines_{number:02d}.svg"
        pictures["lines"].append(_picture(draw_line_grid(grid), path, _line_words(grid)))
    if study.curves is not None:
        for number, grid in enumerate(learning_curves(study.trials, study.curves)):
            path = folder / f"curves_{number:02d}.svg"
            pictures["curves"].append(_picture(draw_line_grid(grid), path, _line_words(grid)))
    for number, sizes in enumerate(size_grids(results.landscape, results.learning_curves)):
        path = folder / f"sizes_{number:02d}.svg"
        pictures["sizes"].append(_picture(draw_size_grid(sizes), path, _size_words(sizes)))
    return pictures


def _picture(figure: Figure, path: Path, alt: str) -> Picture:
    write_figure(figure, path)
    return Picture(file=f"figures/{path.name}", alt=alt)


def _heat_words(info: HeatMaps) -> str:
    cells = [
        (value, f"{shape}, {panel.title}, severity {severity}")
        for panel in info.panels
        for shape, row in zip(panel.row_labels, panel.cells, strict=True)
        for severity, value in zip(panel.column_labels, row, strict=True)
        if value is not None
    ]
    low, high = min(cells), max(cells)
    return (
        f"Heat map of the {info.error} error on {info.population}, family and depth against "
        f"severity: from {100 * low[0]:z.2f} ({low[1]}) to {100 * high[0]:z.2f} ({high[1]}) "
        f"percentage points; {len(cells)} cells known."
    )


def _line_words(info: LineGrid) -> str:
    shown = ", ".join(info.labels)
    what = ", ".join(label.removesuffix(" (%)") for label in info.y_labels)
    return f"{info.title}. Lines of {what} against {info.x_label}, a panel per depth, for {shown}."


def _size_words(info: SizeGrid) -> str:
    shown = ", ".join(info.labels)
    return f"{info.title}. Means, fitted curves and U dashed, a panel per depth, for {shown}."


# ---------------------------------------------------------------- the page


def render_page(study: Study, results: Results, pictures: Mapping[str, Sequence[Picture]]) -> str:
    """Render index.html; every text of the study is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        risk=format_risk, interval=format_interval, words=format_words, number=format_number
    )
    trials = to_rows(study.trials)
    missing = to_rows(missing_rows(study.trials, study.levels))
    failed = [row for row in trials if row["status"] == "failed"]
    rows = to_rows(results.landscape)
    comparisons = to_rows(results.comparisons)
    return environment.get_template("index.html").render(
        name=study.name,
        provenance=flatten(study.provenance),
        summary=summarise(study, rows),
        errors=ERRORS,
        nominal_errors=NOMINAL_ERRORS,
        groups=_groups(rows),
        best=to_rows(results.best_in_class),
        is_ideal_known=any(row["ideal_risk"] is not None for row in rows),
        comparisons=sorted(comparisons, key=_evidence),
        num_significant=sum(row["significant"] or 0 for row in comparisons),
        learning_curves=to_rows(results.learning_curves),
        variance=to_rows(results.variance),
        pictures=pictures,
        missing=missing,
        failed=failed,
        longest=LONGEST_LIST,
        no_bayes_risk=sorted({r["population"] for r in rows if _lacks_bayes_risk(r)}),
        unsettled=[
            r for r in rows if r["share_converged"] is not None and r["share_converged"] < 1
        ],
    )


def _evidence(row: Row) -> float:
    return 2.0 if row["p_holm"] is None else float(row["p_holm"])


def _lacks_bayes_risk(row: Row) -> bool:
    return row["bayes_risk"] is None and row["num_seeds"] > 0


def summarise(study: Study, landscape: Sequence[Row]) -> list[tuple[str, str]]:
    """Return what was run as pairs of a name and its text."""
    trials = to_rows(study.trials)
    counts = [
        f"{role}: " + ", ".join(f"{number} {status}" for status, number in sorted(held.items()))
        for role, held in _status_counts(trials).items()
    ]
    hours = sum(row["wall_s"] or 0.0 for row in trials) / 3600
    off_grid = sum(row["level"] is None for row in trials)
    superseded = sum(len(current_rows(study.trials, r)[1]) for r in ("measure", "resubstitution"))
    shares = [row["share_converged"] for row in landscape if row["share_converged"] is not None]
    summary = [
        ("families", _listed(landscape, "family")),
        ("depths", _listed(landscape, "depth")),
        ("populations", _listed(landscape, "population")),
        ("training examples n", _listed(landscape, "num_train")),
        ("distortions", _levels_text(study.levels)),
        ("trials", "; ".join(counts) or "none"),
        ("time in trials", f"{hours:.2f} hours of wall time, summed over trials"),
        ("cells in which every seed converged", f"{sum(s == 1 for s in shares)} of {len(shares)}"),
    ]
    if off_grid:
        summary.append(("left out", f"{off_grid} trials at severities the study does not list"))
    if superseded:
        summary.append(("left out", f"{superseded} trials with superseded hyperparameters"))
    return summary


def _status_counts(trials: Sequence[Row]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for row in trials:
        held = counts.setdefault(row["role"], {})
        held[row["status"]] = held.get(row["status"], 0) + 1
    return counts


def _listed(rows: Sequence[Row], name: str) -> str:
    return ", ".join(str(value) for value in sorted({row[name] for row in rows})) or "none"


def _levels_text(levels: Levels) -> str:
    texts = [f"{name} {', '.join(f'{v:g}' for v in values)}" for name, values in levels.items()]
    return "; ".join(texts) or "none"


def _groups(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Split the landscape as the page shows it: by population, distortion and sample size."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        damage = "undistorted" if row["distortion"] == UNDISTORTED else row["distortion"]
        title = f"{row['population']} · {format_words(damage)} · n = {row['num_train']}"
        groups.setdefault(title, []).append(row)
    return list(groups.items())


def flatten(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Turn nested JSON into pairs of a dotted name and a text."""
    pairs: list[tuple[str, str]] = []
    for name, held in value.items():
        if isinstance(held, Mapping):
            pairs += flatten(held, f"{prefix}{name}.")
        else:
            text = held if isinstance(held, str) else json.dumps(held, ensure_ascii=False)
            pairs.append((f"{prefix}{name}", text))
    return pairs


def format_risk(value: float | None) -> str:
    """Format a risk in percent, a dash where it is unknown."""
    return "–" if value is None else f"{100 * value:z.2f}"


def format_interval(row: Row, name: str) -> str:
    """Format an error's 95% interval in percentage points; empty where it is unknown."""
    lo, hi = row[f"{name}_lo"], row[f"{name}_hi"]
    return "" if lo is None else f"[{format_risk(lo)}, {format_risk(hi)}]"


def format_number(row: Row, name: str) -> str:
    """Format a number that is no risk, with its interval where there is one."""
    lo, hi = row[f"{name}_lo"], row[f"{name}_hi"]
    value = "–" if row[name] is None else f"{row[name]:z.2f}"
    return value if lo is None else f"{value} [{lo:z.2f}, {hi:z.2f}]"


def format_words(name: str) -> str:
    """Turn an identifier into words."""
    return name.replace("_", " ")


# ---------------------------------------------------------------- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report of a study; return the exit status: 0, or 2 where the input is wrong."""
    command.print_whatever_can_be_shown()
    parser = command.Parser(prog="python -m study.report", description="Write a study's report.")
    parser.add_argument("path", metavar="DIR|trials.parquet", help="DIR may be an S3 address")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: beside)")
    options = parser.parse_args(arguments)
    try:
        page = _write(options.path, options.out)
    except (TableError, StorageError, OSError) as error:
        return command.complain("study.report", command.reason(error))
    print(page)
    return command.OK


def _write(place: str, out: Path | None) -> str:
    if not is_address(place):
        return str(write_report(Path(place), out))
    store = store_at(place)
    with store.workspace() as folder:
        page = write_report(folder, out)
        if out is not None:
            return str(page)
        store.publish(folder)
        return f"{store.shown}/{page.relative_to(folder)}"


if __name__ == "__main__":
    sys.exit(main())
