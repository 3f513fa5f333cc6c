"""From trials to numbers: errors with intervals, landscapes, comparisons, learning curves."""
