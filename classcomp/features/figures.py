"""Pictures of a `FeatureComparison`; every number in them is the comparison's."""

import math

from matplotlib.figure import Figure

from classcomp.features import FeatureComparison

PANELS_PER_ROW = 4


def draw_cka(comparison: FeatureComparison) -> Figure:
    """Return the matrix of CKA as a heat map with its values."""
    num = len(comparison.names)
    figure = Figure(figsize=(2.5 + 0.55 * num, 1.5 + 0.55 * num), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(comparison.cka, vmin=0, vmax=1, cmap="viridis")
    for row, values in enumerate(comparison.cka):
        for column, value in enumerate(values):
            ink = "black" if value > 0.6 else "white"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink, fontsize=7)
    axes.set_xticks(range(num), comparison.names, rotation=90, fontsize=8)
    axes.set_yticks(range(num), comparison.names, fontsize=8)
    figure.colorbar(picture, shrink=0.7, label="linear CKA")
    return figure


def draw_projections(comparison: FeatureComparison) -> Figure:
    """Return one panel for each feature space, examples coloured by their class."""
    num_columns = min(PANELS_PER_ROW, len(comparison.names))
    num_rows = math.ceil(len(comparison.names) / num_columns)
    figure = Figure(figsize=(2.6 * num_columns, 2.6 * num_rows), layout="constrained")
    panels = figure.subplots(num_rows, num_columns, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, name in zip(panels, comparison.names, strict=False):
        x, y = comparison.points[name].T
        axes.set_axis_on()
        axes.scatter(x, y, c=comparison.labels, s=4, cmap="coolwarm", linewidths=0)
        axes.set_title(name, fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
    figure.suptitle(f"features, {comparison.method}", fontsize=9)
    return figure
