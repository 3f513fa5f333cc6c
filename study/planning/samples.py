"""What a user should know of the samples of real data before they are drawn."""

from classcomp.populations import RealData, make
from study.analysis.resampling import overlap_line
from study.request.spec import StudySpec


def sample_lines(spec: StudySpec, data_dir: str | None) -> list[str]:
    """Of every real population how far its seeds see the same examples, at the largest sample.

    Imbalance leaves fewer examples to draw from, and so more of them in common, than is said here.
    """
    lines = []
    for section in spec.populations:
        population = make(section.name, data_dir=data_dir, **section.parameters)
        if isinstance(population, RealData):
            parts = population.parts
            line = overlap_line(
                section.label,
                max(spec.num_train),
                num_shared=parts.num_shared,
                num_test=parts.num_test,
                is_resplit=parts.is_resplit,
            )
            lines.append(line)
    return lines
