"""What a network has learned, seen from outside: layers, feature spaces, how alike they are."""

from classcomp.features.layers import activations, filters, layer_names
from classcomp.features.spaces import (
    PROJECTIONS,
    FeatureComparison,
    cka_matrix,
    compare,
    linear_cka,
    project,
    unit_gram,
)

__all__ = [
    "PROJECTIONS",
    "FeatureComparison",
    "activations",
    "cka_matrix",
    "compare",
    "filters",
    "layer_names",
    "linear_cka",
    "project",
    "unit_gram",
]
