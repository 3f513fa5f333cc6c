"""Means over seeds of columns of measured trials: `python docs/means.py FOLDER COLUMN ...`.

One line for each cell and column: mean, 95% interval by Student's t over seeds, number of seeds.
It is of seeds alone: test examples are the same for all.
"""

import sys
from pathlib import Path

import pandas as pd
import scipy.stats

CELL = [
    "family",
    "depth",
    "latent_dim",
    "capacity",
    "population",
    "distortion",
    "severity",
    "num_train",
]


def main(folder: str, *columns: str) -> None:
    """Prints the lines."""
    trials = pd.read_parquet(Path(folder) / "trials.parquet")
    measured = trials[(trials["role"] == "measure") & (trials["status"] == "done")]
    cell = [name for name in CELL if name in measured]
    for key, held in measured.groupby(cell, dropna=False):
        named = " ".join(f"{value}" for value in key if not pd.isna(value))
        for column in columns:
            values = held[column].dropna().astype(float)
            if values.empty:
                continue
            text = f"{values.mean():.5f}"
            if len(values) > 1:
                half = scipy.stats.t.ppf(0.975, len(values) - 1) * values.sem()
                text += f" [{values.mean() - half:.5f}, {values.mean() + half:.5f}]"
            print(f"{named}: {column} {text}, {len(values)} seeds")


if __name__ == "__main__":
    main(*sys.argv[1:])
