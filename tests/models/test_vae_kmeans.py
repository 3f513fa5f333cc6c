import numpy as np
import pytest
import torch

from classcomp.models.heads import assign_clusters
from classcomp.testing import VAEContract, generator, make


class TestVAEKMeans(VAEContract):
    family = "vae_kmeans"

    def overfit_sample(self):
        labels = torch.arange(32) % 2
        inputs = 0.1 * torch.randn(32, 1, 8, 8, generator=generator(0))
        return inputs + 3.0 * (labels - 0.5)[:, None, None, None], labels

    def test_clusters_are_paired_so_that_most_examples_agree(self):
        # Majorities alone would call both clusters 0; pairing gives 5 + 9 rather than 6 + 4.
        assert assign_clusters(np.array([[6.0, 5.0], [9.0, 1.0]])).tolist() == [1, 0]

    def test_clusters_left_over_get_their_majority(self):
        counts = np.array([[9.0, 0.0], [0.0, 9.0], [1.0, 3.0], [0.0, 0.0]])
        assert assign_clusters(counts).tolist() == [0, 1, 1, 1]

    def test_more_clusters_than_classes(self):
        # Two blobs of each class, alternating on a line: four clusters can, two cannot.
        labels = torch.arange(64) % 2
        place = torch.arange(64) % 4
        inputs = place[:, None].float() * 4 + 0.1 * torch.randn(64, 1, generator=generator(0))
        risks = []
        for clusters_per_class in (1, 2):
            model = make("vae_kmeans", 1, (1,), 2, clusters_per_class=clusters_per_class).eval()
            model.features = lambda x: x  # the head alone is in question here
            model.fit_head(inputs, labels, generator(0))
            risks.append((model.predict(inputs) != labels).double().mean().item())
        assert risks[0] >= 0.25
        assert risks[1] == 0.0

    def test_probabilities_are_smoothed_frequencies(self):
        labels = torch.tensor([0] * 5 + [1] + [1] * 6)
        inputs = torch.tensor([0.0] * 6 + [9.0] * 6)[:, None]
        model = make("vae_kmeans", 1, (1,), 2).eval()
        model.features = lambda x: x
        model.fit_head(inputs, labels, generator(0))
        proba = model.predict_proba(torch.tensor([[0.0], [9.0]]))
        torch.testing.assert_close(proba, torch.tensor([[6 / 8, 2 / 8], [1 / 8, 7 / 8]]))

    @pytest.mark.parametrize("value", [0, -1, 1.5])
    def test_clusters_per_class_out_of_range(self, value):
        with pytest.raises(ValueError, match="clusters_per_class"):
            make("vae_kmeans", 1, (2,), 2, clusters_per_class=value)
