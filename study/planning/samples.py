"""What a user should know of the samples of real data before they are drawn."""

from classcomp.populations import RealData, make
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


def expected_overlap(num: int, num_available: int) -> float:
    """The share of a sample that another one, drawn alike, holds too, on average.

    Samples of `num` without replacement out of `num_available`: hypergeometric, n / N.
    """
    if not 0 <= num <= num_available or num_available == 0:
        raise ValueError(f"{num} examples out of {num_available}: cannot be drawn")
    return num / num_available


def overlap_line(
    population: str, num: int, *, num_shared: int, num_test: int, is_resplit: bool
) -> str:
    """How far two seeds of a population see the same examples, in one line.

    Args:
        population: its label.
        num: examples a sample.
        num_shared: examples that both samples are drawn from.
        num_test: examples of the test part.
        is_resplit: whether every seed divides all `num_shared` examples anew.
    """
    overlap = expected_overlap(num, num_shared)
    if not is_resplit:
        return (
            f"{population}: samples of {num} out of {num_shared} training examples overlap by "
            f"{overlap:.0%} on average; all seeds share {num_test} test examples"
        )
    tested = expected_overlap(num_test, num_shared)
    return (
        f"{population}: {num_shared} examples, divided anew for every seed: samples of {num} "
        f"overlap by {overlap:.0%} on average, test parts of {num_test} by {tested:.0%}"
    )
