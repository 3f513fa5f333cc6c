"""Maps of latents: what is in them, of which examples, of which seeds, and where there are none."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from sklearn.metrics import silhouette_score

from classcomp.exhibits.feature_space import NUM_EXAMPLES
from classcomp.exhibits.latent_map import LAYOUTS, NUMBERS, latent_map_arrays
from classcomp.experiment import Experiment
from classcomp.features.planes import NUM_NEIGHBOURS
from search_spaces import SPACES
from study.analysis.columns import MAP_LAYOUTS, MAP_NUMBERS
from tests.exhibits import test_inference
from tests.small_trial import experiment_of, finish


def shown(family: str) -> tuple[Experiment, dict[str, np.ndarray]]:
    """A trial on digits, and what it leaves of a seed that is not the first."""
    if family == "auto_decoder":
        experiment, found = test_inference.trained()
        maps = {key: array for key, array in found.items() if key.startswith("latent_map/")}
        return experiment, maps
    experiment = experiment_of(
        family=family,
        population_name="digits",
        population_parameters={},
        hyperparameters={**SPACES[family].defaults, "batch_size": 16},
        budget=2,
        most=2,
    )
    return experiment, finish(experiment).exhibits(is_first=False)


@pytest.mark.parametrize("family", ["autoencoder", "vq_vae", "auto_decoder"])
def test_maps_are_of_the_first_examples_latents(family: str) -> None:
    experiment, found = shown(family)
    names = ("mds", "unit_mds", "tsne", "labels", "quality")
    assert found.keys() == {f"latent_map/{name}" for name in names}
    labels = experiment.design.evaluation.labels[:NUM_EXAMPLES].numpy()
    np.testing.assert_array_equal(found["latent_map/labels"], labels)
    with torch.no_grad():
        latents = experiment.model.eval().features(experiment.design.evaluation.inputs[:256])
    latents = latents.flatten(1).double().numpy()
    units = latents / np.linalg.norm(latents, axis=1)[:, None]
    quality = dict(zip(LAYOUTS, found["latent_map/quality"], strict=True))
    for space, name, map_name in ((latents, "latents", "mds"), (units, "unit_latents", "unit_mds")):
        points = found[f"latent_map/{map_name}"].astype(np.float64)
        assert points.shape == (NUM_EXAMPLES, 3)
        d, delta = pdist(points), pdist(space)
        stress = math.sqrt(((d - delta) ** 2).sum() / (d**2).sum())
        assert quality[map_name][2] == pytest.approx(stress, abs=1e-5)
        assert 0.005 < stress < 0.4
        for told, where in ((name, space), (map_name, points)):
            assert quality[told][0] == pytest.approx(silhouette_score(where, labels), abs=1e-4)
            assert 0.1 < quality[told][1] <= 1
    plane = found["latent_map/tsne"]
    assert quality["tsne"][0] == pytest.approx(silhouette_score(plane, labels), abs=1e-4)
    assert np.isnan([quality[name][2] for name in ("latents", "unit_latents", "tsne")]).all()
    assert np.isfinite(plane).all()


def arrays_of(latents: torch.Tensor) -> dict[str, np.ndarray]:
    """Of latents that a model has of what it is shown."""
    labels = np.arange(len(latents)) % 2
    model = SimpleNamespace(features=lambda inputs: inputs, decode=lambda latents: latents)
    examples = SimpleNamespace(inputs=latents)
    evaluation: Any = SimpleNamespace(model=model, examples=examples, labels=labels)
    return latent_map_arrays(evaluation)


def drawn(num: int = 60, dims: int = 4) -> torch.Tensor:
    return torch.randn(num, dims, generator=torch.Generator().manual_seed(0))


def test_where_there_is_nothing_to_lay_out_there_is_no_map() -> None:
    assert arrays_of(drawn(2 * NUM_NEIGHBOURS)) == {}
    assert arrays_of(torch.ones(60, 4)) == {}
    latents = drawn()
    latents[7] = 0  # it has no direction
    for those in (latents, 1 + drawn(dims=1).abs()):
        found = arrays_of(those)
        assert "unit_mds" not in found
        quality = dict(zip(LAYOUTS, found["quality"], strict=True))
        assert np.isnan([*quality["unit_latents"], *quality["unit_mds"]]).all()
        assert np.isfinite([*quality["mds"], *quality["tsne"][:2]]).all()
    assert quality["mds"][2] < 1e-6, "one latent is laid out as it is"


def test_unit_latents_of_three_dimensions_stay_on_a_sphere() -> None:
    found = arrays_of(5 * drawn(dims=3))
    points = found["unit_mds"].astype(np.float64)
    # |p - c|^2 = 1 for one centre c: linear in c and |c|^2
    design = np.column_stack([2 * points, np.ones(len(points))])
    solution, _, _, _ = np.linalg.lstsq(design, np.square(points).sum(axis=1), rcond=None)
    assert solution[3] + np.square(solution[:3]).sum() == pytest.approx(1, abs=1e-5)
    assert found["quality"][LAYOUTS.index("unit_mds"), 2] < 1e-6


def test_both_sides_of_the_wall_name_the_layouts_alike() -> None:
    assert LAYOUTS == MAP_LAYOUTS
    assert NUMBERS == MAP_NUMBERS
