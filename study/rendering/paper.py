"""`report/latex/`: what goes into a paper, and a frame around it that compiles."""

from collections.abc import Sequence
from pathlib import Path

from study.analysis.files import write_text
from study.analysis.reading import Study
from study.analysis.results import Results
from study.rendering.latex import LatexTable, escaped, latex_tables
from study.rendering.methods import bibliography, methods_text
from study.rendering.names import shown_results, shown_study

_FRAME = r"""%% Compiles as it is: pdflatex paper, bibtex paper, pdflatex paper (twice).
%% A paper of yours needs these packages, and \input of what it wants.
\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage{textcomp,array,booktabs,longtable,natbib}
\usepackage[margin=1.5cm]{geometry}
\begin{document}
\section*{%(title)s}
\input{methods}

{\footnotesize\setlength{\tabcolsep}{3pt}
%(tables)s
}
\bibliographystyle{plainnat}
\bibliography{references}
\end{document}
"""


def write_paper(study: Study, results: Results, folder: Path) -> Path:
    """Write a table each, methods.tex, references.bib and paper.tex, which has them all.

    Args:
        study: as read.
        results: its tables.
        folder: to write to; tables of an earlier state of the study are taken out of it.

    Returns:
        The folder.

    Raises:
        OSError: it cannot be written.
    """
    study, results = shown_study(study), shown_results(results)
    for path in folder.glob("*.tex"):
        path.unlink()
    tables = latex_tables(study, results)
    for table in tables:
        write_text(table.text(), folder / f"{table.name}.tex")
    methods = methods_text(study, results)
    write_text(methods, folder / "methods.tex")
    write_text(bibliography(methods), folder / "references.bib")
    write_text(_frame(study.name, tables), folder / "paper.tex")
    return folder


def _frame(title: str, tables: Sequence[LatexTable]) -> str:
    inputs = "\n".join(f"\\input{{{table.name}}}" for table in tables)
    return _FRAME % {"title": escaped(title), "tables": inputs}
