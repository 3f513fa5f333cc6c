"""Laws whose Bayes rule is a network of a family: there the approximation error is exactly 0."""

from classcomp.teachers.population import Teacher, teacher, teacher_on

__all__ = ["Teacher", "teacher", "teacher_on"]
