"""What must be true before anything starts: the data are there, and large enough."""

from classcomp.populations import make
from search_spaces import SPACES
from study.plan import enumerate_cells
from study.spec import SpecError, StudySpec

MOST_TRIALS = 10_000_000


def check(spec: StudySpec, data_dir: str | None) -> None:
    """Refuses a study that could not run to its end.

    Raises:
        SpecError: one line naming the key, the value and what is allowed.
    """
    _check_size(spec)
    for section in spec.populations:
        population = make(section.name, data_dir=data_dir, **section.parameters)
        try:
            num_available = population.num_available("train")
        except ValueError as error:
            raise SpecError(f"populations: {section.label}: {error}") from None
        largest = max(spec.num_train)
        if num_available is not None and largest > num_available:
            raise SpecError(
                f"num_train = {largest}: {section.label} has {num_available} training examples; "
                f"allowed are 8 to {num_available}"
            )
        if population.image_shape is None:
            _check_points(spec, section.label)


def _check_size(spec: StudySpec) -> None:
    """Refuses what could not even be listed."""
    cells = len(enumerate_cells(spec))
    of_a_cell = 3 * spec.seeds + spec.search.trials + spec.variance.seeds**3
    references = spec.best_in_class.restarts * len(spec.best_in_class.num_stream)
    num = cells * (of_a_cell + references)
    if num > MOST_TRIALS:
        raise SpecError(
            f"seeds, trials and restarts ask for up to {num} trials of {cells} cells; "
            f"allowed are {MOST_TRIALS}"
        )


def _check_points(spec: StudySpec, label: str) -> None:
    from classcomp.models import FAMILIES

    picky = [f for f in spec.families if FAMILIES[f].module.takes == "images"]
    if picky:
        able = [f for f in SPACES if FAMILIES[f].module.takes != "images"]
        raise SpecError(
            f"families: {', '.join(picky)} take images and {label} has none; "
            f"allowed there are {', '.join(able)}"
        )
