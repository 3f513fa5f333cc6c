"""Tables and methods for a paper: what they say, and that LaTeX takes them."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import study
from study.analysis.files import Stopping
from study.analysis.term_comparisons import TERMS
from study.opened import StudyResults
from study.rendering.latex import _SPECIAL, escaped, latex_tables
from study.rendering.methods import bibliography, methods_text
from study.rendering.paper import write_paper
from study.report import main, write_latex

REFERENCE = Path(__file__).parents[2] / "ray_results/reference"
STACKED = "\\begin{tabular}[t]{@{}l@{}}"
HARD = 'a_b{c}%&#$^~\\|<"> σ ∞ é ü ß 統計 [x]'


@pytest.fixture(scope="module")
def quickstart() -> StudyResults:
    return study.open(REFERENCE / "quickstart")


def table(found: StudyResults, name: str) -> str:
    (held,) = [t for t in latex_tables(found.study, found.results) if t.name == name]
    return held.text()


def test_the_landscapes_numbers_are_the_tables(quickstart: StudyResults) -> None:
    text = table(quickstart, "landscape")
    row = quickstart.landscape.query("family == 'vgg' and population != 'digits' and severity == 0")
    (held,) = row.to_dict("records")
    for error in ("total", "estimation", "optimization"):
        value, lo, hi = (100 * held[f"{error}{end}"] for end in ("", "_lo", "_hi"))
        assert f"${value:z.2f}$\\\\{{\\tiny[${lo:z.2f}$, ${hi:z.2f}$]}}" in text
    assert text.count("vgg & 1 & 0 &") == 2  # on either population
    assert "in percentage points, with 95\\% intervals over" in text
    assert text.count("\\toprule") == 2  # of its first page, and of any other
    assert f"\\caption{{Errors of {quickstart.name}," in text
    assert "\\label{tab:landscape}" in text


def test_what_is_unknown_is_a_dash(quickstart: StudyResults) -> None:
    lines = table(quickstart, "landscape").splitlines()
    (at,) = [i for i, line in enumerate(lines) if "{digits " in line]
    first = lines[at + 1].split(" & ")
    assert first[:3] == ["linear", "1", "0"]
    assert first[4:7] == ["--"] * 3  # after R_n(T): total, approximation, objective
    assert "unknown: no Bayes risk" in lines[at]
    assert "--: unknown" in table(quickstart, "landscape")


def test_comparisons_begin_with_what_is_significant(quickstart: StudyResults) -> None:
    text = table(quickstart, "comparisons")
    held = quickstart.comparisons
    assert text.count(STACKED) == len(held)
    whole = held[held["scope"] == "population"]
    order = whole.sort_values("difference", key=abs, ascending=False)
    order = order.sort_values("significant", ascending=False, kind="stable")
    lines = [line for line in text.splitlines() if STACKED in line]
    found = [tuple(line.replace("\\_", "_").split(" & ")[:2]) for line in lines]
    expected = list(zip(order["first"], order["second"], strict=True))
    assert found[: len(order)] == expected


def test_terms_are_compared_over_all_cells(quickstart: StudyResults) -> None:
    text = table(quickstart, "term-comparisons")
    held = quickstart.term_comparisons.query("scope == 'population'")
    assert text.count(STACKED) == len(held)
    places = [text.index(f"\\emph{{By {error}}}") for error in TERMS]
    assert places == sorted(places)
    objective = text.split("\\emph{By objective}")[1].split("\\emph{By ")[0]
    first = objective.splitlines()[1]  # the significant first, of them the largest difference
    rows = held.query("error == 'objective' and significant == True").to_dict("records")
    row = max(rows, key=lambda row: abs(row["difference"]))
    value, lo, hi = (f"${100 * row[f'difference{end}']:.2f}$" for end in ("", "_lo", "_hi"))
    assert first.startswith(f"{row['first']} & {row['second']} & ")
    assert first.endswith(
        f"{{\\tiny[{lo}, {hi}]}}\\end{{tabular}} & ${row['p_holm']:.3f}$ & 3 \\\\"
    )
    assert f"}}{value}\\\\{{\\tiny" in first
    assert "in percentage points, with 95\\% intervals" in text
    bounds = held["is_bound"].sum()
    assert text.count("^\\dagger$ &") == bounds > 0
    assert "$^\\dagger$: the $U_H$ of another trained rule" in text


def test_terms_nobody_knows_have_no_table(quickstart: StudyResults) -> None:
    none = quickstart.term_comparisons.query("scope == 'cell'")
    results = replace(quickstart.results, term_comparisons=none)
    assert not any("term" in held.name for held in latex_tables(quickstart.study, results))
    assert "Which term" not in methods_text(quickstart.study, results)


def test_every_winner_has_its_line(quickstart: StudyResults) -> None:
    text = table(quickstart, "winners")
    searched = quickstart.results.winners.query("is_searched")
    assert text.count("search, ") == len(searched)
    assert "learning\\_rate = " in text


def test_units_meet_in_no_table(quickstart: StudyResults) -> None:
    landscape = quickstart.landscape.copy()
    is_linear = (landscape["family"] == "linear").to_numpy()
    landscape.loc[is_linear, "task"] = "reconstruction"
    results = replace(quickstart.results, landscape=landscape)
    found = {t.name: t.text() for t in latex_tables(quickstart.study, results)}
    assert {"landscape-classification", "landscape-reconstruction"} <= found.keys()
    assert "in squared input" in found["landscape-reconstruction"]
    assert "linear &" not in found["landscape-classification"]


def test_methods_say_what_was_done(quickstart: StudyResults) -> None:
    text = methods_text(quickstart.study, quickstart.results)
    assert "We measured linear, resnet, unet, vae\\_svm and vgg at depth 1 on " in text
    assert "under label noise of severity 0, 0.2" in text
    assert "budget of $T = 100$ steps" in text
    assert "is 0.025, 10 at most" not in text
    assert "5 seeds at first" in text
    assert "\\citep{stein1945two}" in text
    assert "Where every seed divides the data anew" in text  # digits; xor is a law
    assert "No part is clipped at zero" in text
    assert "ideal" not in text
    tested = "(10 of approximation, 10 of objective, 20 of estimation and 20 of optimization)"
    assert f"all pairs of families and populations of a term {tested}, and not over" in text
    assert "rule, of the larger approximation or the smaller objective, could bring" in text


def test_methods_say_nothing_of_what_was_not(quickstart: StudyResults) -> None:
    trials = quickstart.trials[quickstart.trials["role"] != "search"]
    trials = trials[trials["population"] != "digits"]
    landscape = quickstart.landscape[quickstart.landscape["population"] != "digits"]
    held = replace(quickstart.study, trials=trials, stopping=None, decisions=None)
    none = {n: getattr(quickstart, n).iloc[:0] for n in ("comparisons", "term_comparisons")}
    results = replace(quickstart.results, landscape=landscape, **none)
    text = methods_text(held, results)
    words = ("Optuna", "stein", "nadeau", "smyth", "holm", "Holm", "digits", "ideal", "is unknown")
    for word in words:
        assert word not in text
    assert "Nothing was searched for" in text
    assert "decisions on the evaluation sample were not at hand" in text
    assert "satterthwaite" in bibliography(text)
    assert "nadeau" not in bibliography(text)
    rule = Stopping(precision=0.01, first_seeds=3, max_seeds=7)
    assert "{stein1945two," in bibliography(methods_text(replace(held, stopping=rule), results))


def test_whatever_is_cited_is_in_the_bibliography(quickstart: StudyResults) -> None:
    text = methods_text(quickstart.study, quickstart.results)
    keys = {k for found in re.findall(r"\\cite\w*\{([^}]*)\}", text) for k in found.split(",")}
    assert len(keys) > 6
    assert set(re.findall(r"@\w+\{(\w+),", bibliography(text))) == keys


def test_text_from_outside_is_escaped() -> None:
    assert escaped("a_b & 50%") == r"a\_b \& 50\%"
    assert escaped("[x]") == "{}[x]"  # after the end of a row it would be an option
    assert escaped("統") == r"\texttt{U+7D71}"
    assert escaped("\\input{/etc/passwd}") == r"\textbackslash{}input\{/etc/passwd\}"


def test_the_command_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = REFERENCE / "quickstart/trials.parquet"
    assert main([str(table), "--out", str(tmp_path), "--latex"]) == 0
    folder = tmp_path / "report/latex"
    assert f"for a paper: {folder}\n" in capsys.readouterr().out
    names = {"landscape", "comparisons", "term-comparisons", "winners", "methods", "paper"}
    assert {path.stem for path in folder.glob("*.tex")} == names
    (folder / "knees.tex").write_text("of an earlier state")
    write_latex(table, tmp_path)
    assert {path.stem for path in folder.glob("*.tex")} == names


def compiled(folder: Path) -> str:
    """What pdfLaTeX's log says of paper.tex after BibTeX and two more runs."""
    for command in ("pdflatex", "bibtex", "pdflatex", "pdflatex"):
        words = ["-interaction=nonstopmode", "-halt-on-error"] if command == "pdflatex" else []
        done = subprocess.run(
            [command, *words, "paper"], cwd=folder, capture_output=True, text=True, errors="replace"
        )
        assert done.returncode == 0, done.stdout[-2000:]
    assert (folder / "paper.pdf").read_bytes().startswith(b"%PDF")
    return (folder / "paper.log").read_text(errors="replace")


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="make latex installs it")
class TestLatexTakesThem:
    @pytest.mark.parametrize("name", ["quickstart", "gaussian-small"])
    def test_of_the_shipped_studies(self, name: str, tmp_path: Path) -> None:
        log = compiled(write_latex(REFERENCE / name, tmp_path))
        assert "undefined" not in log
        wide = [float(held) for held in re.findall(r"Overfull \\hbox \((\d+\.\d+)pt", log)]
        assert max(wide, default=0.0) < 40.0

    def test_with_whatever_name(self, quickstart: StudyResults, tmp_path: Path) -> None:
        every = "".join(_SPECIAL) + "".join(map(chr, range(192, 256)))

        def renamed(frame: pd.DataFrame) -> pd.DataFrame:
            held = {"vgg": HARD, "linear": every}
            columns = [name for name in ("family", "first", "second") if name in frame.columns]
            return frame.assign(**{c: frame[c].replace(held).astype("string") for c in columns})

        results = quickstart.results
        names = ("landscape", "comparisons", "term_comparisons", "winners")
        changed = {name: renamed(getattr(results, name)) for name in names}
        held = replace(quickstart.study, name=HARD, trials=renamed(quickstart.trials), families=())
        assert "undefined" not in compiled(write_paper(held, replace(results, **changed), tmp_path))
