"""Hyperparameters of `gaussian_generator`: none, since it is fitted in closed form."""

from search_spaces.domains import Domain, Value

SPACE: dict[str, Domain] = {}
DEFAULTS: dict[str, Value] = {}
MOST_COORDINATES = 4_096
"""That a covariance matrix is fitted of."""
