"""Trains the frozen feature network that images are compared in, and ships its weights.

    python benchmarks/feature_network.py [folder of Fashion-MNIST's files]

Fashion-MNIST's 60,000 training labels, seed 0, one thread, about two minutes; weights go to
classcomp/tasks/feature_network.npz in half precision, and what must stand in feature_network.py as
their hash is printed with the accuracy on the 10,000 test images.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from classcomp.populations import make
from classcomp.tasks import feature_network
from classcomp.tasks.feature_network import FeatureNetwork, digest_of

EPOCHS, BATCH, RATE, SEED = 8, 128, 3e-3, 0


def main() -> None:
    torch.set_num_threads(1)
    begin = time.perf_counter()
    data_dir = sys.argv[1] if len(sys.argv) > 1 else None
    images, labels = split("train", data_dir)
    network = trained(images, labels)
    weights = {k: v.numpy().astype(np.float16) for k, v in network.state_dict().items()}
    path = Path(feature_network.__file__).with_name(feature_network.WEIGHTS)
    np.savez_compressed(path, **weights)
    network.load_state_dict({k: torch.from_numpy(w.astype("f4")) for k, w in weights.items()})
    print(f"SHA256 = {digest_of(weights)!r}")
    print(f"accuracy {accuracy(network, *split('test', data_dir)):.4f}, "
          f"{path.stat().st_size} bytes, {time.perf_counter() - begin:.0f} s")  # fmt: skip


def split(name: str, data_dir: str | None) -> tuple[Tensor, Tensor]:
    """All images and labels of a part of the set, in a fixed order."""
    data, part = (
        make("fashion_mnist", data_dir=data_dir),
        "whole_train" if name == "train" else name,
    )
    sample = data.sample(data.num_available(part), np.random.default_rng(SEED), split=part)
    return torch.from_numpy(data.images(sample.x)), torch.from_numpy(sample.labels)


def trained(images: Tensor, labels: Tensor) -> FeatureNetwork:
    """Adam at a rate that falls to zero, images turned left to right at random."""
    torch.manual_seed(SEED)
    network = FeatureNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-2)
    steps = EPOCHS * (len(labels) // BATCH)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(labels))[: steps // EPOCHS * BATCH].split(BATCH):
            turned = torch.rand(len(chosen))[:, None, None, None] < 0.5
            batch = torch.where(turned, images[chosen].flip(-1), images[chosen])
            loss = F.cross_entropy(network(batch), labels[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rates.step()
    return network.eval()


@torch.no_grad()
def accuracy(network: FeatureNetwork, images: Tensor, labels: Tensor) -> float:
    """Share of images whose class is said."""
    said = torch.cat([network(part).argmax(dim=1) for part in images.split(1_000)])
    return float((said == labels).double().mean())


if __name__ == "__main__":
    main()
