"""What a network has learned, seen from outside: layers, feature spaces, how alike they are."""

from classcomp.features.latents import traverse, widest
from classcomp.features.layers import activations, filters, layer_names
from classcomp.features.maps import Separation, separation, stress_1
from classcomp.features.planes import PlaneQuality, plane_quality
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
    "PlaneQuality",
    "Separation",
    "activations",
    "cka_matrix",
    "compare",
    "filters",
    "layer_names",
    "linear_cka",
    "plane_quality",
    "project",
    "separation",
    "stress_1",
    "traverse",
    "unit_gram",
    "widest",
]
