"""What a score is: further columns of the trial table, for whoever has the capability."""

from collections.abc import Callable
from dataclasses import dataclass

from classcomp.tasks import Evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """Columns that go beyond the task's risk.

    Attributes:
        needs: the capability of a model that has them (`classcomp.models.base`).
        compute: the columns by name; a column that is left out is unknown.
    """

    needs: type
    compute: Callable[[Evaluation], dict[str, float]]
