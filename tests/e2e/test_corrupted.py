"""A study of two variants of a family on corrupted images, from its file to its findings."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

STUDY = """
name = "dirty"
families = ["wide", "narrow"]
depths = [1]
seeds = 2
num_train = [32]
[[populations]]
name = "gaussian_images"
mu0 = 0.0
mu1 = 1.0
sigma0 = 1.0
sigma1 = 0.5
size = 4
[[variants]]
name = "wide"
family = "linear_autoencoder"
parameters = { latent_dim = 3 }
[[variants]]
name = "narrow"
family = "linear_autoencoder"
parameters = { latent_dim = 1 }
[distortions]
outliers = [0.0, 0.5]
occlusion = [0.25]
[training]
budget_epochs = 2
max_epochs = 3
[best_in_class]
restarts = 0
[limit]
restarts = 0
"""


@pytest.mark.long
def test_corrupted_images_from_the_study_file_to_the_findings(
    finish_shared: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    status, printed = finish_shared(STUDY, tmp_path)
    assert status == 0, printed
    folder = tmp_path / "results/dirty"
    trials = pd.read_parquet(folder / "trials.parquet")
    assert len(trials) == 2 * 3 * 2
    assert set(trials["variant_of"]) == {"linear_autoencoder"}
    assert trials.groupby("family")["hp_latent_dim"].unique().to_dict() == {
        "narrow": [1],
        "wide": [3],
    }
    known = trials.groupby("distortion")[["outliers_risk", "occlusion_risk"]].count()
    assert known.loc["none"].tolist() == [4, 4]
    assert known.loc["outliers"].tolist() == [4, 0]
    assert known.loc["occlusion"].tolist() == [0, 4]
    table = pd.read_csv(folder / "robustness.csv")
    assert set(table["reference"]) == {"wide"}
    assert set(table["family"]) == {"narrow", "wide"}
    assert table.loc[table["family"] == "wide", "difference"].isna().all()
    table = table[table["family"] == "narrow"]
    shown = table.groupby(["distortion", "severity"])["measure"].unique().map(list).to_dict()
    assert shown == {
        ("occlusion", 0.25): ["risk", "corrupted_risk", "restored_mse"],
        ("outliers", 0.0): ["risk", "corrupted_risk"],
        ("outliers", 0.5): ["risk", "corrupted_risk"],
    }
    columns = {"risk": "risk", "corrupted_risk": "{}_risk", "restored_mse": "{}_restored_mse"}
    for _, row in table.iterrows():
        trained = row["distortion"] if row["severity"] else "none"
        held = trials[trials["distortion"] == trained].set_index(["family", "seed"])
        values = held[columns[row["measure"]].format(row["distortion"])]
        apart = (values["narrow"] - values["wide"]).astype(float)
        np.testing.assert_allclose(row["difference"], apart.mean())
        assert row["difference_lo"] < row["difference"] < row["difference_hi"]
    text = (folder / "findings.txt").read_text()
    assert "outliers, risk on clean images, beside wide: narrow " in text
    assert "outliers, risk where all images are corrupted" not in text
    assert "ran before the study asked for" not in text
    kept = sorted((folder / "exhibits").glob("law-*.npz"))
    assert [path.stem.rpartition("-")[2] for path in kept] == ["occlusion", "outliers"]
    page = (folder / "report/index.html").read_text()
    assert 'id="robustness"' in page
    assert "_corrupted.svg" in page


@pytest.mark.long
def test_a_corruption_that_comes_later_says_what_it_lacks(
    finish_shared: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    whole = STUDY.replace("[0.25]", "[0.0, 0.25]")
    assert finish_shared(whole.replace("outliers = [0.0, 0.5]\n", ""), tmp_path)[0] == 0
    longer = whole.replace("outliers = [0.0, 0.5]", "pixel_noise = [0.0, 0.5]")
    status, printed = finish_shared(longer, tmp_path)
    assert status == 0, printed
    assert "pixel_noise is new here: 4 finished trials on undistorted samples were not" in printed
    folder = tmp_path / "results/dirty"
    table = pd.read_csv(folder / "robustness.csv")
    shown = table[(table["distortion"] == "pixel_noise") & (table["measure"] == "corrupted_risk")]
    assert set(shown["severity"]) == {0.5}, "of the undistorted cells nobody knows it"
    text = (folder / "findings.txt").read_text()
    assert "4 undistorted trials ran before the study asked for pixel noise" in text
