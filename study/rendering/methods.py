"""The methods paragraph of a paper, of what a study's tables say it did, and what that cites.

Every sentence is docs/protocol.md's, in fewer words; it stands where the tables show that it holds.
"""

import re
from collections.abc import Iterator, Sequence
from importlib import resources

import pandas as pd

from study.analysis.comparisons import POPULATION
from study.analysis.frames import Row, to_rows
from study.analysis.reading import Study
from study.analysis.results import Results
from study.analysis.term_comparisons import APPROXIMATION, OBJECTIVE, TERMS
from study.rendering.latex import escaped
from study.trials.tasks import task_of

_RISKS = {
    "classification": "the 0-1 risk",
    "reconstruction": r"the mean squared error $E\|x-\hat x\|^2/d$ of what is given back",
    "denoising": r"the mean squared error $E\|x-f(x+\tau\varepsilon)\|^2/d$ of what is restored",
    "generation": "the squared maximum mean discrepancy between what is generated and the law",
}
REFERENCES = "references.bib"
"""Beside this file: all that a methods paragraph may cite."""
_CITED = re.compile(r"\\cite\w*\{([^}]*)\}")


def methods_text(study: Study, results: Results) -> str:
    """Return the methods paragraph in LaTeX.

    Args:
        study: as `shown_study` returns it.
        results: as `shown_results` returns them.
    """
    rows = to_rows(results.landscape)
    if not rows:
        return "No trial of the study has been measured.\n"
    sentences = (
        *_asked(study, rows),
        *_trained(study),
        *_split(rows),
        *_searched(study.trials),
        *_intervals(study, rows),
        *_compared(results),
        *_compared_by_term(results),
    )
    return "\n".join(sentences) + "\n"


def bibliography(text: str) -> str:
    """Return the BibTeX entries of all that a text cites."""
    entries = (resources.files(__package__) / REFERENCES).read_text(encoding="utf-8").split("\n\n")
    by_key = {entry.partition("{")[2].partition(",")[0]: entry.strip() for entry in entries}
    cited = {key for keys in _CITED.findall(text) for key in keys.split(",")}
    return "\n\n".join(by_key[key] for key in sorted(cited)) + "\n"


def _asked(study: Study, rows: Sequence[Row]) -> Iterator[str]:
    families = study.families or tuple(dict.fromkeys(row["family"] for row in rows))
    measured = [name for name in families if any(row["family"] == name for row in rows)]
    yield (
        f"We measured {_listed(measured)} at {_counted('depth', _distinct(rows, 'depth'))} on "
        f"{_listed(_distinct(rows, 'population'))}, with "
        f"$n = {', '.join(_distinct(rows, 'num_train'))}$ training examples"
        f"{_damages(study)}."
    )
    tasks = _distinct(rows, "task")
    risks = [_RISKS.get(task_of(task).name, f"the risk of {escaped(task)}") for task in tasks]
    yield f"Risk is {_listed(risks, is_plain=True)}."


def _damages(study: Study) -> str:
    told = [
        f"{escaped(name.replace('_', ' '))} of severity {', '.join(f'{v:g}' for v in values)}"
        for name, values in study.levels.items()
        if values
    ]
    return f", under {_listed(told, is_plain=True)}" if told else ""


def _trained(study: Study) -> Iterator[str]:
    measured = study.trials[study.trials["role"] == "measure"]
    rule = study.stopping
    if rule is None:
        yield (
            "Each cell (family, depth, population, distortion and $n$) was trained with "
            f"{measured['seed'].nunique()} seeds, which draw data, initialisation and order anew."
        )
    else:
        yield (
            "Each cell (family, depth, population, distortion and $n$) was trained with "
            f"{rule.first_seeds} seeds at first, and then with as many as their spread asked for, "
            f"{rule.max_seeds} at most, until the half-length of the interval of its total was "
            rf"{rule.precision:g} \citep{{stein1945two}}."
        )
    settled = (
        "once it has settled: two windows of 256 optimizer steps differ by less than .005 in "
        "training risk, and in the objective by less than 1\\% of its range or by less than two "
        "standard errors"
        if measured["until"].isna().all()
        else "at the maximum of steps, settled or not"
    )
    yield (
        f"$R_n(T)$ is the risk after a budget{_budget(measured)}, "
        rf"$R_n(\infty)$ that of the same trajectory {settled}. Either ends in a linear cooldown "
        r"of the rate to zero over a fifth of $T$ \citep{hu2024minicpm,haegele2024scaling}."
    )


def _budget(measured: pd.DataFrame) -> str:
    """T with its unit, where all trials have the same."""
    for unit in ("steps", "epochs"):
        values = measured[f"budget_{unit}"]
        if values.notna().all() and len(values.unique()) == 1:
            return f" of $T = {values.iloc[0]}$ {unit}"
    return " $T$"


def _split(rows: Sequence[Row]) -> Iterator[str]:
    if all(row["total"] is None for row in rows):
        yield (
            r"With $U_A$ the mean risk of the family's own procedure on a fresh stream, estimation "
            r"is $R_n(\infty) - U_A$ and optimization $R_n(T) - R_n(\infty)$; the least risk there "
            "can be, and with it the total, is unknown."
        )
        return
    yield (
        r"With $R^*$ the least risk there can be, $U_H$ the risk of the best rule found of the "
        "architecture, and $U_A$ the mean risk of the family's own procedure on a fresh stream, "
        r"the excess risk $R_n(T) - R^*$ is the sum of approximation $U_H - R^*$, objective "
        r"$U_A - U_H$, estimation $R_n(\infty) - U_A$ and optimization $R_n(T) - R_n(\infty)$. No "
        "part is clipped at zero. $U_H$ is an upper bound of the least risk of the architecture."
    )
    if any(row["total"] is None for row in rows):
        yield "Where $R^*$ is unknown, total, approximation and objective are."
    if any(row["ideal_risk"] is not None for row in rows):
        yield (
            r"$R_\mathrm{ideal}(T)$ is the risk after the same steps on fresh examples "
            r"\citep{nakkiran2021deep}."
        )


def _searched(trials: pd.DataFrame) -> Iterator[str]:
    proposals = trials[trials["role"] == "search"]
    if proposals.empty:
        yield "Nothing was searched for: hyperparameters are the families' defaults, or were fixed."
        return
    yield (
        r"Hyperparameters were proposed by Optuna \citep{akiba2019optuna}, hopeless proposals "
        r"stopped by successive halving \citep{li2020system} and winners chosen on validation "
        "data; the search's data are none that anything was measured on."
    )


def _intervals(study: Study, rows: Sequence[Row]) -> Iterator[str]:
    if study.decisions is None:
        yield (
            "The rules' decisions on the evaluation sample were not at hand: intervals that need "
            "them are not given."
        )
    measured = study.trials[study.trials["role"] == "measure"]
    is_divided = measured["is_resplit"].fillna(False).astype(bool)
    if not is_divided.all():
        crossed = (
            "Intervals are of 95\\%. Seeds, restarts of $U_A$ and evaluation examples are crossed "
            "random factors; differences are paired by seed and by example"
        )
        yield (
            f"{crossed}. The half-length squared is the mean of "
            r"Satterthwaite's \citeyearpar{satterthwaite1946approximate} and Banerjee's "
            r"\citeyearpar{banerjee1960approximate}, the seeds' part corrected for the mean "
            "skewness of a family's cells."
            if study.stopping is None
            else f"{crossed}; the variance of the seeds is that of the first ones."
        )
        if any(row["approximation"] is not None for row in rows):
            yield (
                "The interval of approximation is of the rule that was chosen, over examples alone."
            )
    if is_divided.any():
        where = "" if is_divided.all() else "Where every seed divides the data anew, "
        text = (
            r"the variance of a mean over $k$ seeds is "
            r"$(1/k + n_\mathrm{test}/n_\mathrm{train})\,s^2$, with Student's $t$ on $k - 1$ "
            r"degrees of freedom \citep{nadeau2003inference}."
        )
        yield f"{where}{text}" if where else f"Every seed divides the data anew: {text}"


def _compared(results: Results) -> Iterator[str]:
    if results.comparisons.empty:
        return
    cells = (results.comparisons["scope"] == "cell").any()
    moderated = (
        r" In a cell $t$ is moderated: variances of seeds are shrunk over all cells "
        r"\citep{smyth2004linear}."
        if cells
        else ""
    )
    yield (
        "Families are compared by differences of $R_n(T)$ over all cells of a population that both "
        rf"are in, within each seed and example.{moderated} $p$ values are corrected by Holm's "
        r"\citeyearpar{holm1979simple} procedure; the share of seeds with which a family errs less "
        r"has the interval of \citet{clopper1934use}, a tie being half a win."
    )


def _compared_by_term(results: Results) -> Iterator[str]:
    """What was tested of the terms, and over which rows it was corrected."""
    rows = [row for row in to_rows(results.term_comparisons) if row["scope"] == POPULATION]
    tested = [row for row in rows if row["p_value"] is not None]
    counts = {term: sum(row["error"] == term for row in tested) for term in TERMS}
    told = [f"{number} of {term}" for term, number in counts.items() if number]
    if not told:
        return
    is_one_task = len({row["task"] for row in tested}) == 1
    family = f"a term ({_listed(told, is_plain=True)})" if is_one_task else "a term and task"
    yield (
        "Which term two families differ by is tested over all cells of a population, by "
        "differences within each seed, restart and example; over the same seeds those of the four "
        r"terms add up to that of $R_n(T)$. Holm's \citeyearpar{holm1979simple} correction runs "
        f"over all pairs of families and populations of {family}, and not over the terms together: "
        "each is a question of its own, and who picks those that differ compares $p$ with .05/4."
    )
    bounds = {"larger": APPROXIMATION, "smaller": OBJECTIVE}
    known = [f"the {size} {term}" for size, term in bounds.items() if counts[term]]
    if known:
        yield (
            "No difference is claimed where the $U_H$ of another trained rule, of "
            f"{' or '.join(known)}, could bring the two families together."
        )


def _distinct(rows: Sequence[Row], name: str) -> list[str]:
    return [str(value) for value in sorted({row[name] for row in rows})]


def _counted(noun: str, values: Sequence[str]) -> str:
    return f"{noun} {values[0]}" if len(values) == 1 else f"{noun}s {_listed(values)}"


def _listed(texts: Sequence[str], *, is_plain: bool = False) -> str:
    told = list(texts) if is_plain else [escaped(text) for text in texts]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
