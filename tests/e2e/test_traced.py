"""A study with the risk along training, from its file to its findings, and asked again for more."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

STUDY = """
name = "traced"
families = ["vgg"]
depths = [1]
seeds = 3
num_train = [64]
[[populations]]
name = "gaussian_images"
mu0 = 0.0
mu1 = 0.5
sigma0 = 1.0
sigma1 = 1.0
size = 4
[distortions]
label_noise = [0.0, 0.4]
[training]
budget_epochs = 10
max_epochs = 60
until = "end"
traced = 8
[best_in_class]
restarts = 0
[limit]
restarts = 0
"""


@pytest.mark.long
def test_a_traced_study_from_its_file_to_its_findings(
    finish_shared: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    status, printed = finish_shared(STUDY, tmp_path)
    assert status == 0, printed
    folder = tmp_path / "results/traced"
    trials = pd.read_parquet(folder / "trials.parquet").set_index("trial_id")
    assert set(trials["until"]) == {"end"}
    curves = pd.read_parquet(folder / "curves.parquet")
    seen = curves[curves["risk"].notna()]
    assert set(seen["phase"]) == {"budget", "settle"}
    counts = seen.groupby("trial_id").size()
    assert len(counts) == 2 * 3
    assert len(set(counts)) == 1
    table = pd.read_csv(folder / "traces.csv")
    for severity, points in table.groupby("severity"):
        mine = seen[seen["trial_id"].map(trials["severity"]) == severity]
        means = mine.groupby("step")["risk"].mean()
        assert points["step"].tolist() == means.index.tolist()
        np.testing.assert_allclose(points["risk"], means)
        assert (points["num_running"] == 3).all()
        assert (points["risk_lo"] < points["risk"]).all()
        # In two steps of an epoch: T at 20, its branch from 16, the end at 120 less 4.
        assert {16, 116} <= set(points["step"])
    stops = pd.read_csv(folder / "early_stopping.csv").set_index("severity")
    assert stops["budget_step"].tolist() == [20, 20]
    assert stops["end_step"].tolist() == [116, 116]
    least = table.loc[table.groupby("severity")["risk"].idxmin()].set_index("severity")
    assert stops["best_step"].to_dict() == least["step"].to_dict()
    page = (folder / "report/index.html").read_text()
    assert 'id="traces"' in page
    assert "figures/traces_00.svg" in page
    assert "Stopping early" in (folder / "findings.txt").read_text()

    without = STUDY.replace("traced = 8\n", "")
    status, printed = finish_shared(without.replace('"traced"', '"plain"'), tmp_path)
    assert status == 0, printed
    assert not (tmp_path / "results/plain/traces.csv").exists()
    plain = pd.read_parquet(tmp_path / "results/plain/trials.parquet").set_index("trial_id")
    assert plain["risk"].to_dict() == trials["risk"].to_dict()  # the same trials, by their ids
    asked = STUDY.replace('"traced"', '"plain"').replace("seeds = 3", "seeds = 4")
    status, printed = finish_shared(asked, tmp_path)
    assert status == 0, printed
    assert "6 finished trials were not looked at along their training" in printed
    table = pd.read_csv(tmp_path / "results/plain/traces.csv")
    assert (table["num_seeds"] == 1).all()
    assert table["risk_lo"].isna().all()
