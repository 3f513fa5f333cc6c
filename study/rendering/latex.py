"""Tables for a paper in LaTeX, for booktabs and longtable: landscape, comparisons, winners."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from study.analysis.comparisons import POPULATION
from study.analysis.frames import Row, half_length, to_rows
from study.analysis.reading import Study
from study.analysis.results import Results
from study.analysis.term_comparisons import TERMS
from study.rendering.hyperparameters import setting_rows
from study.rendering.terminal import RISK, known_errors
from study.rendering.units import UNKNOWN, Unit, unit_of
from study.rendering.words import (
    AXIS_WORDS,
    TaskRows,
    damage_words,
    group_title,
    mark_of,
    seeds_words,
    split_by_task,
    words_of,
)

PLACES = 2
_SPECIAL = {
    **{c: f"\\{c}" for c in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''"},
    **{"·": r"$\cdot$", "–": "--", "—": "---", "’": "'", "…": r"\ldots{}", "−": "$-$"},
    **{"≤": r"$\le$", "∞": r"$\infty$", "×": r"$\times$", "±": r"$\pm$", "→": r"$\to$"},
    **{"α": r"$\alpha$", "β": r"$\beta$", "δ": r"$\delta$", "Δ": r"$\Delta$", "η": r"$\eta$"},
    **{"λ": r"$\lambda$", "μ": r"$\mu$", "ρ": r"$\rho$", "σ": r"$\sigma$", "τ": r"$\tau$"},
    **{"²": r"$^2$", "³": r"$^3$"},
}
_MARKS = {"≤": r"$\le$", "~": r"$\sim$", "": ""}


@dataclass(frozen=True, kw_only=True, slots=True)
class LatexTable:
    """A table for a paper.

    Attributes:
        name: of its file and label, `tab:<name>`.
        caption: in LaTeX.
        columns: alignment, as LaTeX names it, and head of each.
        groups: a heading, empty: none, and the rows below it; of texts in LaTeX.
    """

    name: str
    caption: str
    columns: Sequence[tuple[str, str]]
    groups: Sequence[tuple[str, Sequence[Sequence[str]]]]

    def text(self) -> str:
        """The table as it is written into its file."""
        num = len(self.columns)
        alignment = "".join(align for align, _ in self.columns)
        head = " & ".join(head for _, head in self.columns)
        lines = [
            f"\\begin{{longtable}}{{@{{}}{alignment}@{{}}}}",
            f"\\caption{{{self.caption}}}\\label{{tab:{self.name}}}\\\\",
            *("\\toprule", f"{head} \\\\", "\\midrule", "\\endfirsthead"),
            *("\\toprule", f"{head} \\\\", "\\midrule", "\\endhead"),
            *("\\bottomrule", "\\endfoot"),
        ]
        for number, (heading, rows) in enumerate(self.groups):
            lines += ["\\addlinespace"] if number else []
            if heading:
                lines.append(f"\\multicolumn{{{num}}}{{@{{}}l}}{{\\emph{{{heading}}}}} \\\\*")
            lines += [" & ".join(row) + " \\\\" for row in rows]
        return "\n".join([*lines, "\\end{longtable}"]) + "\n"


def latex_tables(study: Study, results: Results) -> list[LatexTable]:
    """Return a study's tables for a paper; of several tasks, whose units differ, one each.

    Args:
        study: as `shown_study` returns it.
        results: as `shown_results` returns them.
    """
    found = []
    tasks = split_by_task(to_rows(results.landscape))
    for held in tasks:
        found.append(_landscape(study, held, _suffix(held, tasks)))
    compared = split_by_task(to_rows(results.comparisons))
    for held in compared:
        found.append(_comparisons(study, held, _suffix(held, compared)))
    terms = results.term_comparisons
    by_term = split_by_task(to_rows(terms[terms["scope"] == POPULATION]))
    for held in by_term:
        found.append(_term_comparisons(study, held, _suffix(held, by_term)))
    return [*found, _winners(study, results)] if len(results.winners) else found


def escaped(text: str) -> str:
    """Return a text as LaTeX prints it; what pdfLaTeX has no sign for is named by its code."""
    found = "".join(_sign(c) for c in text)
    return (
        f"{{}}{found}" if found[:1] in ("[", "*") else found
    )  # after a line's end they are options


def _sign(c: str) -> str:
    if c in _SPECIAL:
        return _SPECIAL[c]
    is_plain = " " <= c <= "~" or ("À" <= c <= "ÿ" and c not in "ÐðÞþ÷")
    return c if is_plain else f"\\texttt{{U+{ord(c):04X}}}"


def interval(row: Row, name: str, unit: Unit, mark: str = "") -> str:
    """Return a value above its 95% interval; a dash where it is unknown."""
    half = half_length(row, name)
    value, lo, hi = (unit.show(row[f"{name}{e}"], PLACES, half) for e in ("", "_lo", "_hi"))
    if value == UNKNOWN:
        return "--"
    number = f"{_MARKS[mark]}{_signed(value)}"
    if UNKNOWN in (lo, hi):
        return number
    return _stacked("r", [number, f"{{\\tiny[{_signed(lo)}, {_signed(hi)}]}}"])


def _stacked(align: str, lines: Sequence[str]) -> str:
    """Lines below each other, the first on the row's own."""
    text = "\\\\".join(lines)
    return f"\\begin{{tabular}}[t]{{@{{}}{align}@{{}}}}{text}\\end{{tabular}}"


def _signed(number: str) -> str:
    return f"${number}$"


def _suffix(held: TaskRows, tasks: Sequence[TaskRows]) -> str:
    return f"-{held.task.name.replace('_', '-')}" if len(tasks) > 1 else ""


def _unit(unit: Unit) -> str:
    return escaped(unit.points)


def _landscape(study: Study, held: TaskRows, suffix: str) -> LatexTable:
    errors = known_errors(held.rows)
    lacks_total = any(row["total"] is None and row["risk"] is not None for row in held.rows)
    axes = [name for name in AXIS_WORDS if any(row[name] is not None for row in held.rows)]
    marks = {mark_of(row, error) for row in held.rows for error in errors}
    groups: dict[str, list[list[str]]] = defaultdict(list)
    for row in held.rows:
        named = [escaped(row["family"]), f"{row['depth']}"]
        named += ["--" if row[axis] is None else f"{row[axis]:g}" for axis in axes]
        named.append(f"{row['severity']:g}{'$^*$' if row['num_missing'] else ''}")
        risk = [_plain_risk(row, held.unit)] if lacks_total else []
        values = [interval(row, error, held.unit, mark_of(row, error)) for error in errors]
        groups[group_title([row])].append([*named, *risk, *values])
    heads = [("l", "family"), ("r", "depth"), *(("r", AXIS_WORDS[a][0]) for a in axes)]
    heads += [("r", "severity")] + ([("r", "$R_n(T)$")] if lacks_total else [])
    return LatexTable(
        name=f"landscape{suffix}",
        caption=_landscape_caption(study, held, marks),
        columns=[*heads, *(("r", error) for error in errors)],
        groups=[(escaped(title), rows) for title, rows in groups.items()],
    )


def _plain_risk(row: Row, unit: Unit) -> str:
    shown = unit.show(row["risk"], PLACES)
    return "--" if shown == UNKNOWN else _signed(shown)


def _landscape_caption(study: Study, held: TaskRows, marks: set[str]) -> str:
    told = [
        f"Errors of {escaped(study.name)}{_of(held)}, in {_unit(held.unit)}, with 95\\% intervals "
        f"over {seeds_words(held.rows)} seeds"
    ]
    if "≤" in marks:
        told.append(r"$\le$: $U_H$ may fall further, so that this is an upper bound")
    if "~" in marks:
        told.append(r"$\sim$: some seeds had not settled")
    if any(row["num_missing"] for row in held.rows):
        told.append(r"$^*$: seeds are missing")
    if any(row["total"] is None for row in held.rows):
        told.append("--: unknown")
    return f"{'. '.join(told)}."


def _of(held: TaskRows) -> str:
    return f" ({escaped(words_of(held.task.name))})" if held.title else ""


def _sureness(row: Row) -> tuple[bool, float]:
    """The significant first, of them the largest difference."""
    return not row["significant"], -abs(row["difference"] or 0.0)


def _comparisons(study: Study, held: TaskRows, suffix: str) -> LatexTable:
    whole = sorted((row for row in held.rows if row["scope"] == POPULATION), key=_sureness)
    cells = sorted((row for row in held.rows if row["scope"] != POPULATION), key=_sureness)
    groups = [
        ("Over all cells of a population", [_compared(row, held.unit) for row in whole]),
        ("In single cells", [_compared(row, held.unit) for row in cells]),
    ]
    return LatexTable(
        name=f"comparisons{suffix}",
        caption=(
            f"Families of {escaped(study.name)}{_of(held)} compared: ${RISK}$ of the first less "
            f"that of the second, in {_unit(held.unit)}, paired by seed and example, with 95\\% "
            "intervals; $p$ by Holm, over all rows of the same kind; $P$: that the first errs less "
            "with a seed. Significant ones first"
            f"{'.' if any(row['significant'] for row in held.rows) else '; here none is.'}"
        ),
        columns=[
            *(("l", "first"), ("l", "second"), ("l", "where")),
            *(("r", "difference"), ("r", "$p$"), ("r", "$P$")),
        ],
        groups=[group for group in groups if group[1]],
    )


def _term_comparisons(study: Study, held: TaskRows, suffix: str) -> LatexTable:
    groups = []
    for error in TERMS:
        rows = sorted((row for row in held.rows if row["error"] == error), key=_sureness)
        if rows:
            shown = [[*_tested(row, held.unit), f"{row['num_pairs'] or '--'}"] for row in rows]
            groups.append((f"By {error}", shown))
    told = [
        f"Families of {escaped(study.name)}{_of(held)} compared by every term of their error: that "
        f"of the first less that of the second, over all cells of a population, in "
        f"{_unit(held.unit)}, with 95\\% intervals; $p$ by Holm, over all rows of a term; pairs: "
        "of seeds, of objective of restarts, of approximation one rule each. Significant ones first"
        f"{'' if any(row['significant'] for row in held.rows) else '; here none is'}"
    ]
    if any(row["is_bound"] for row in held.rows):
        told.append(
            r"$^\dagger$: the $U_H$ of another trained rule could bring the two together; $p$ is "
            "of the rules that were found, and no significance is claimed"
        )
    return LatexTable(
        name=f"term-comparisons{suffix}",
        caption=f"{'. '.join(told)}.",
        columns=[
            *(("l", "first"), ("l", "second"), ("l", "where")),
            *(("r", "difference"), ("r", "$p$"), ("r", "pairs")),
        ],
        groups=groups,
    )


def _compared(row: Row, unit: Unit) -> list[str]:
    better = row["probability_first_better"]
    return [*_tested(row, unit), "--" if better is None else f"${better:.2f}$"]


def _tested(row: Row, unit: Unit) -> list[str]:
    """Which families, where, by how much they differ, and the corrected p-value."""
    p, mark = row["p_holm"], r"^\dagger" if row.get("is_bound") else ""
    return [
        escaped(row["first"]),
        escaped(row["second"]),
        _where(row),
        interval(row, "difference", unit),
        "--" if p is None else f"$<.001{mark}$" if p < 0.001 else f"${p:.3f}{mark}$",
    ]


def _where(row: Row) -> str:
    """Where families meet: of a population its name, of a cell all of it, one thing a line."""
    if row["scope"] == POPULATION:
        count = f"{row['num_cells']} cell{'s' if row['num_cells'] > 1 else ''}"
        parts = [row["population"], count]
    else:
        axes = [f"{AXIS_WORDS[a][0]} = {row[a]:g}" for a in AXIS_WORDS if row[a] is not None]
        size = ", ".join([f"depth {row['depth']}", *axes, f"n = {row['num_train']}"])
        parts = [row["population"], damage_words(row), size]
    return _stacked("l", [escaped(part) for part in parts])


def _winners(study: Study, results: Results) -> LatexTable:
    tasks = {row["family"]: row["task"] for row in to_rows(results.winners)}
    rows = [
        list(_setting(row, unit_of(tasks[row["family"]]))) for row in setting_rows(results.winners)
    ]
    paragraph = r">{\raggedright\arraybackslash}p"
    return LatexTable(
        name="winners",
        caption=(
            f"Hyperparameters that {escaped(study.name)} was measured with. The validation risk is "
            "of the proposal that won, in the unit of the family's risk (\\% of classifiers)."
        ),
        columns=[
            *(("l", "family"), (f"{paragraph}{{.1\\linewidth}}", "depth")),
            *((f"{paragraph}{{.24\\linewidth}}", "cells"), ("l", "found by")),
            *(("r", "validation"), (f"{paragraph}{{.28\\linewidth}}", "hyperparameters")),
        ],
        groups=[("", rows)],
    )


def _setting(row: Row, unit: Unit) -> Iterator[str]:
    for name in ("family", "depths", "where", "found_by"):
        yield escaped(str(row[name]))
    shown = unit.show(row["validation_risk"], PLACES)
    yield "--" if shown == UNKNOWN else _signed(shown)
    yield escaped(row["settings"])
