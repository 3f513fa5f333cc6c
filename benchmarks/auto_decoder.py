"""One trial of a family that reconstructs, on 1,000 images of Fashion-MNIST, without Ray.

    python benchmarks/auto_decoder.py FAMILY [--epochs N] [--depth D] [--missing S] [name=value ...]

Values are hyperparameters. Errors are mean squared errors of a pixel in [0, 1], on the training
images and on the 10,000 test images, and the same in the unit of a course that published such
numbers: the Euclidean norm of the error of 64 images, pixels 0 to 255, over their 64 x 784 values,
which is 255 sqrt(mse) / 224. One thread.
"""

import argparse
import ast
import math

import torch

from classcomp.experiment import run
from classcomp.trial import STREAMS, Trial
from search_spaces import SPACES

NUM_IMAGES = 1_000
TOLD = ("train_risk", "risk", "best_latent_mse", "inference_gap")
BESIDE = ("frechet_distance", "mmd2", "num_parameters", "cpu_s")


def main() -> None:
    """Runs it and prints a line for each number."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("family")
    parser.add_argument("values", nargs="*")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--missing", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    values = dict(pair.split("=") for pair in asked.values)
    own = {name: _value(text) for name, text in values.items()}
    trial = Trial(
        role="measure",
        family=asked.family,
        depth=asked.depth,
        population_name="fashion_mnist",
        distortion="missing_pixels" if asked.missing else "none",
        severity=asked.missing,
        num_train=NUM_IMAGES,
        budget=asked.epochs,
        most=asked.epochs,
        hyperparameters={**SPACES[asked.family].defaults, **own},
        streams={name: 100 * asked.seed + k for k, name in enumerate(STREAMS)},
    )
    found = run(trial, device="cpu").metrics
    print(asked)
    for name in (*TOLD, *BESIDE):
        value = found.get(name)
        if value is not None:
            unit = f", in the course's unit {255 * math.sqrt(value) / 224:.4f}"
            print(f"{name} {value:.6g}{unit if name in TOLD[:2] else ''}", flush=True)


def _value(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except ValueError:
        return text


if __name__ == "__main__":
    main()
