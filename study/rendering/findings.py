"""What was found, in sentences made from the tables: the first thing that a reader sees."""

from dataclasses import dataclass

from study.analysis.faults import distinct_cells, populations_of
from study.analysis.frames import Row, to_rows
from study.analysis.reading import Study
from study.analysis.results import Results
from study.rendering.answers import Answer, answers
from study.rendering.capacities import peak_lines
from study.rendering.caveats import caveats, first_reason
from study.rendering.changes import Changes, changes
from study.rendering.cross_validation import cross_validation_lines
from study.rendering.differences import crossover_sentences
from study.rendering.generation import generation_lines
from study.rendering.latent_dims import knee_lines
from study.rendering.per_class import class_lines
from study.rendering.rankings import rankings, term_sentences
from study.rendering.robustness import robustness_lines
from study.rendering.traces import stop_lines
from study.rendering.unknowns import Unknown, unknown_lines, unknowns
from study.rendering.words import damage_words, network_words, short_names, split_by_task, told

_MOST_SENTENCES = 4  # of the headline, on one question
_INDENT = "  "
TRACES_TITLE = "Stopping early, and a second descent: the risk along training [95% interval]"
PEAKS_TITLE = "Peaks of the risk over capacity c [95% interval over all pairs of capacities]"
KNEES_TITLE = "Knee of the risk against the latent dimension k [95% interval]"
CLASSES_TITLE = "Reconstruction by class: mean squared error [95% interval]"
FOLDS_TITLE = "Cross-validation of the winners [95% interval]"
GENERATED_TITLE = "What was generated, at T: means over seeds [95% interval]"
ROBUSTNESS_TITLE = "Is it always better, with a share of the training images corrupted?"
UNKNOWNS_TITLE = "Not known yet, and about what it would cost"
CHANGES_TITLE = "What changes the errors (told where the two intervals do not meet)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What was found; every text is made by a rule that stands where it is made.

    Attributes:
        headline: how much of the error is whose, then which family errs less: a sentence for each
            population.
        answers: whose fault, by population, family and depth.
        changes: with depth, damage and sample size, by population.
        stopping: what stopping at T does, a sentence for each task where it is known; it is told
            after the headline.
        traces: where stopping early helps, and where the risk falls twice.
        knees: of the risk against the latent dimension.
        peaks: of the risk over capacity.
        classes: the easiest and the hardest to reconstruct.
        generated: what generated examples are like, by population.
        robustness: families beside the one named first, where training images are corrupted.
        cross_validation: of the winners, by cell.
        rankings: families over all cells of a population, and by sample size.
        unknowns: what is not told apart yet, and what it would cost.
        caveats: what limits all this.
    """

    headline: tuple[str, ...]
    answers: tuple[Answer, ...]
    changes: tuple[Changes, ...]
    stopping: tuple[str, ...]
    traces: tuple[str, ...]
    knees: tuple[str, ...]
    peaks: tuple[str, ...]
    classes: tuple[str, ...]
    generated: tuple[str, ...]
    robustness: tuple[str, ...]
    cross_validation: tuple[str, ...]
    rankings: tuple[str, ...]
    unknowns: tuple[Unknown, ...]
    caveats: tuple[str, ...]


def find(study: Study, results: Results) -> Findings:
    """Return the findings of a study's tables."""
    rows = to_rows(results.landscape)
    found = answers(results.landscape)
    ranked = rankings(
        results.comparisons,
        populations_of(rows),
        has_decisions=study.decisions is not None,
    )
    return Findings(
        headline=(
            *(
                _sentences([answer.sentence for answer in found if answer.sentence])
                or [_nothing(to_rows(study.trials))]
            ),
            *(
                _sentences([one.headline for one in ranked])
                or ["Families are not compared: no two of them share a cell."]
            ),
        ),
        answers=tuple(found),
        changes=tuple(changes(results.landscape)),
        stopping=tuple(_stopping(distinct_cells(rows))),
        traces=tuple(stop_lines(results.early_stopping)),
        knees=tuple(knee_lines(results.knees)),
        peaks=tuple(peak_lines(results.peaks)),
        classes=tuple(class_lines(results.per_class, results.knees)),
        generated=tuple(generation_lines(results.generation)),
        robustness=tuple(robustness_lines(results.robustness)),
        cross_validation=tuple(cross_validation_lines(results.cross_validation)),
        rankings=(
            *(_sentence(one.details) for one in ranked),
            *term_sentences(results.term_comparisons, populations_of(rows)),
            *crossover_sentences(results.crossovers),
        ),
        unknowns=tuple(unknowns(study, results)),
        caveats=tuple(caveats(study, results)),
    )


def _nothing(trials: list[Row]) -> str:
    """Say that no cell has been measured, and why where every trial failed."""
    reason = first_reason(trials)
    if not reason or any(row["status"] != "failed" for row in trials):
        return "Nothing is known yet: no cell has been measured."
    which = "the only trial" if len(trials) == 1 else f"all {len(trials)} trials"
    return f"Nothing is known: {which} failed. The first: {reason}"


def _sentences(clauses: list[str]) -> list[str]:
    """Make sentences of clauses, of the first few of them."""
    more = len(clauses) - _MOST_SENTENCES
    shown = clauses[:_MOST_SENTENCES] + ([f"{more} more below"] if more > 0 else [])
    return [_sentence(clause) for clause in shown]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _stopping(rows: list[Row]) -> list[str]:
    """Say in how many cells stopping at T costs and helps: the interval excludes zero."""
    known = [row for row in rows if row["optimization_lo"] is not None]
    short = short_names(populations_of(rows))
    sentences = []
    for task in split_by_task(known):
        costs = [row for row in task.rows if row["optimization_lo"] > 0]
        helps = [row for row in task.rows if row["optimization_hi"] < 0]
        text = (
            f"{task.title}stopping at T instead of training on until settled costs in {len(costs)} "
            f"and helps in {len(helps)} of {len(task.rows)} cells, each by its own 95% interval "
            f"(some {0.025 * len(task.rows):.0f} of either would by chance); elsewhere these show "
            "no difference."
        )
        most = [
            f"{verb} most for {network_words(row)} on {short[row['population']]} "
            f"({damage_words(row)}, n = {row['num_train']}): "
            f"{told(row, 'optimization', task.unit)}"
            for verb, held in (("costs", costs), ("helps", helps))
            if held
            for row in [max(held, key=lambda row: abs(row["optimization"]))]
        ]
        text += f" It {'; it '.join(most)}." if most else ""
        sentences.append(f"{text[:1].upper()}{text[1:]}")
    return sentences


def findings_text(found: Findings) -> str:
    """Return the findings as plain text: a line each, indented under what they are of."""
    lines = [*found.headline, *found.stopping]
    for answer in found.answers:
        lines += ["", f"{answer.title} · {answer.where} · {answer.points} [95% interval]"]
        lines += [
            f"{_INDENT}{line.family}, {line.depths}: {line.fault}: {'; '.join(line.numbers)}"
            for line in answer.lines
        ]
        if answer.most:
            most = "; ".join(f"{error}, {text}" for error, text in answer.most)
            lines.append(f"{_INDENT}Largest estimates: {most}")
    if found.changes:
        lines += ["", CHANGES_TITLE]
        for held in found.changes:
            lines += [f"{_INDENT}{held.title}", *(f"{2 * _INDENT}{one}" for one in held.sentences)]
    for title, texts in (
        (TRACES_TITLE, found.traces),
        (KNEES_TITLE, found.knees),
        (PEAKS_TITLE, found.peaks),
        (CLASSES_TITLE, found.classes),
        (GENERATED_TITLE, found.generated),
        (ROBUSTNESS_TITLE, found.robustness),
        (FOLDS_TITLE, found.cross_validation),
        ("Families compared", found.rankings),
        (UNKNOWNS_TITLE, unknown_lines(found.unknowns)),
        ("Before you believe it", found.caveats),
    ):
        if texts:
            lines += ["", title, *(f"{_INDENT}{text}" for text in texts)]
    return "\n".join(lines) + "\n"
