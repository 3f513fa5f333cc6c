"""Laws whose Bayes rule is a network of a family: there the approximation error is exactly 0."""

from classcomp.teachers.population import TEACHING_FAMILIES, Teacher, teacher, teacher_on

__all__ = ["TEACHING_FAMILIES", "Teacher", "teacher", "teacher_on"]
