"""What families are for: one literal registry of tasks."""

from classcomp.tasks.base import Assessment, Evaluation, Mean, Task
from classcomp.tasks.classification import Classification
from classcomp.tasks.denoising import Denoising
from classcomp.tasks.generation import Generation
from classcomp.tasks.reconstruction import Reconstruction

__all__ = ["TASKS", "Assessment", "Evaluation", "Mean", "Task"]

TASKS: dict[str, Task] = {
    "classification": Classification(),
    "reconstruction": Reconstruction(),
    "denoising": Denoising(),
    "generation": Generation(),
}
