"""The page: a study's tables and pictures as one HTML file that reads without a network."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from study.analysis.completeness import missing_rows
from study.analysis.estimates import current_rows
from study.analysis.frames import Row, to_rows
from study.analysis.reading import Study
from study.analysis.results import Results
from study.analysis.table import Levels
from study.rendering.pictures import Picture
from study.trials.schema import ERRORS, NOMINAL_ERRORS
from study.trials.trial import UNDISTORTED

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_LIST = 200  # rows of a list on the page; the tables on disk have them all


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
