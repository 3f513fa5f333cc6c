"""Families of classifiers on laws whose Bayes risk is known: how much each error weighs."""

__version__ = "0.1.0"
