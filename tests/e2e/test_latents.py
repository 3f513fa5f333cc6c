"""A study of models with two latents: kept by its workers, drawn on its page, told in a table."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.analysis.exhibits import exhibit_ids, law_exhibit_ids, read_exhibits

STUDY = """
name = "planes"
families = ["autoencoder", "linear_autoencoder"]
depths = [1]
seeds = 2
num_train = [32]
[[populations]]
name = "digits"
classes = [3, 8]
[hyperparameters.autoencoder]
latent_dim = 2
[hyperparameters.linear_autoencoder]
latent_dim = 2
[training]
budget_epochs = 2
max_epochs = 3
[best_in_class]
restarts = 0
[limit]
restarts = 0
"""


@pytest.mark.long
def test_latents_are_kept_told_and_drawn(
    finish_shared: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    status, printed = finish_shared(STUDY, tmp_path)
    assert status == 0, printed
    folder = tmp_path / "results/planes"
    trials = pd.read_parquet(folder / "trials.parquet").query("role == 'measure'")
    assert exhibit_ids(folder) == set(trials["trial_id"])
    assert len(law_exhibit_ids(folder)) == 1
    names = exhibit_ids(folder) | law_exhibit_ids(folder)
    found, skipped = read_exhibits(folder, names)
    assert skipped == []
    (law,) = (found[name] for name in law_exhibit_ids(folder))
    for name in trials.loc[trials["seed"] == 0, "trial_id"]:
        np.testing.assert_array_equal(found[name]["latent_plane/labels"], law["labels"])
    table = pd.read_csv(folder / "latent_planes.csv")
    assert table["layout"].tolist() == ["latents", "latents", "pca", "tsne"]
    means = trials.groupby("family")[["knn_accuracy", "trustworthiness", "continuity"]].mean()
    for _, row in table.iloc[:2].iterrows():
        wanted = means.loc[row["family"]]
        np.testing.assert_allclose(row[list(means.columns)].astype(float), wanted)
    maps = pd.read_csv(folder / "latent_maps.csv").set_index(["family", "layout"])
    assert maps["num_seeds"].tolist() == [2] * 10
    for (family, _), held in trials.groupby(["family", "role"]):
        qualities = [found[trial_id]["latent_map/quality"] for trial_id in held["trial_id"]]
        wanted = np.mean(qualities, axis=0)
        told = maps.loc[family, ["silhouette", "knn_accuracy", "stress"]].to_numpy()
        np.testing.assert_allclose(told, wanted)
    kinds = ("reconstructions", "traversals", "plane", "class_means", "filters", "responses")
    drawn = {path.stem[11:] for path in (folder / "report/figures").glob("exhibit_*.svg")}
    assert drawn == {"features", "cka", "latent_map", "latent_plane", *kinds}
