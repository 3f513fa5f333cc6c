"""What the search for the best rule leaves, and what it costs, beside plain training.

    python benchmarks/best_in_class.py slack --family vgg --depth 1             # a random teacher
    python benchmarks/best_in_class.py slack --family vgg --depth 1 --trained   # trained first
    python benchmarks/best_in_class.py xor                                      # `linear` on XOR
    python benchmarks/best_in_class.py images --examples 16000 --seeds 2        # `linear` on images
    python benchmarks/best_in_class.py until --family linear --tolerance .0005

`slack`: excess risk of one restart each, in points, and CPU seconds, on one teacher: the search,
plain training on the same posteriors, and `linear`. `xor`: the search's risk against the closed
form. `images`: its excess over R*. `until`: the stream is doubled until a restart's risk is within
the tolerance of the best, the search against the first protocol's way (drawn labels); CPU seconds
of that last run. All of it in one process on one thread, so that seconds compare within a run.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from torch import Tensor
from torch.nn import functional as F

from classcomp.models import FAMILIES, build
from classcomp.models.base import Classifier
from classcomp.populations import Population, make
from classcomp.training.best_in_class import Search, schedule

GAUSSIAN = {"mu0": 0.0, "mu1": 0.15, "sigma0": 1.0, "sigma1": 1.2, "size": 8}
EVALUATION_SIZE = 40_000
BEST_LINE = {0.5: 0.3045570, 1.0: 0.4101631}


def shown(population: Population, family: str, x: np.ndarray) -> Tensor:
    """Inputs as the family sees them."""
    images = FAMILIES[family].takes == "images"
    return torch.from_numpy(population.images(x) if images else population.vectors(x))


def student(population: Population, family: str, depth: int, seed: int) -> Classifier:
    """A new network of the family."""
    images = FAMILIES[family].takes == "images"
    model = build(
        family,
        depth=depth,
        input_shape=population.image_shape if images else population.vector_shape,
        num_classes=population.num_classes,
        hyperparameters={},
        generator=torch.Generator().manual_seed(seed),
    )
    return model.to(memory_format=torch.channels_last) if images else model


def search(population: Population, family: str, depth: int, num: int, seed: int) -> Classifier:
    """A restart of the search."""

    def draw(count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        x = population.sample(count, rng).x
        return shown(population, family, x), torch.from_numpy(population.posterior(x)).float()

    model = student(population, family, depth, seed)
    run = Search(model, draw=draw, phases=schedule(model, num), seed=seed)
    while not run.finished:
        run.advance()
    return model


def plain(
    population: Population, family: str, depth: int, num: int, seed: int, *, soft: bool
) -> Classifier:
    """AdamW at .003, batches of 32, one pass, the rate falling to zero; cross-entropy."""
    model = student(population, family, depth, seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4, fused=True)
    rng = np.random.default_rng(seed)
    steps, chunk = num // 32, 256
    for step in range(steps):
        place = step % chunk
        if place == 0:
            sample = population.sample(32 * min(chunk, steps - step), rng)
            inputs = shown(population, family, sample.x)
            if soft:
                targets = torch.from_numpy(population.posterior(sample.x)).float()
            else:
                targets = torch.from_numpy(sample.labels)
        chosen = slice(32 * place, 32 * (place + 1))
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / steps)
        optimizer.zero_grad()
        F.cross_entropy(model(inputs[chosen]), targets[chosen]).backward()
        optimizer.step()
    return model


def excess(population: Population, family: str, model: Classifier) -> float:
    """Posterior-weighted excess over the Bayes risk."""
    x = population.sample(EVALUATION_SIZE, np.random.default_rng(1)).x
    eta = population.posterior(x)
    with torch.no_grad():
        model.eval()
        parts = shown(population, family, x).split(2_000)
        chosen = torch.cat([model.predict(part) for part in parts]).numpy()
    return float((eta.max(axis=1) - eta[np.arange(len(eta)), chosen]).mean())


def normal_and_offset(model: Classifier, dim: int) -> tuple[np.ndarray, float]:
    """Of a linear network's boundary; it says 1 where `normal @ x + offset` is positive."""
    with torch.no_grad():
        logits = model(torch.cat([torch.zeros(1, dim), torch.eye(dim)])).double().numpy()
    score = logits[:, 1] - logits[:, 0]
    return score[1:] - score[0], float(score[0])


def linear_risk(model: Classifier) -> float:
    """Of a linear network on the Gaussian images, exactly: scores are normal in both classes."""
    normal, offset = normal_and_offset(model, 64)
    length = np.linalg.norm(normal)
    zero = norm.sf(-offset / length)
    one = norm.cdf((-0.15 * normal.sum() - offset) / (1.2 * length))
    return float(0.5 * (zero + one))


def xor_risk(model: Classifier, sigma: float) -> float:
    """Of a linear network on XOR, exactly."""
    normal, offset = normal_and_offset(model, 2)
    means = np.array([[1, 1], [-1, -1], [1, -1], [-1, 1]])
    says_one = norm.cdf((means @ normal + offset) / (sigma * np.linalg.norm(normal)))
    return float((says_one[:2].sum() + (1 - says_one[2:]).sum()) / 4)


def timed(train: Callable[[], Classifier]) -> tuple[Classifier, float]:
    """The model, and the CPU seconds that it took."""
    begin = time.process_time()
    return train(), time.process_time() - begin


def slack(family: str, depth: int, num: int, seeds: int, trained: bool) -> None:
    """One line a teacher and way."""
    on = {"name": "gaussian_images", **GAUSSIAN} if trained else "none"
    for seed in range(1, seeds + 1):
        law = make("teacher", family=family, depth=depth, seed=seed, trained_on=on)
        print(f"{law.label}: R* {law.bayes_risk().value:.4f}", flush=True)
        ways = {
            "search": (family, lambda law=law: search(law, family, depth, num, 100)),
            "plain": (family, lambda law=law: plain(law, family, depth, num, 100, soft=True)),
            "linear": ("linear", lambda law=law: search(law, "linear", 1, num, 100)),
        }
        for name, (student_family, train) in ways.items():
            model, cpu_s = timed(train)
            points = 100 * excess(law, student_family, model)
            print(f"  {name:<6} {num} examples {cpu_s:6.1f} CPU s {points:6.2f} points", flush=True)


def xor(num: int) -> None:
    """Three restarts at both widths of the clouds."""
    for sigma, best in BEST_LINE.items():
        law = make("xor", sigma=sigma)
        for seed in range(3):
            model, cpu_s = timed(lambda law=law, seed=seed: search(law, "linear", 1, num, seed))
            above = xor_risk(model, sigma) - best
            print(f"xor sigma {sigma}: risk {best:.7f} + {above:.5f}, {cpu_s:.1f} CPU s")


def images(num: int, seeds: int) -> None:
    """`linear` on images: excess over R*, the architecture's and what the search leaves."""
    fashion = {"dataset": "fashion_mnist", "dims": 10, "components": 8}
    for law in (
        make("gaussian_images", **GAUSSIAN),
        make("fitted_images", dataset="digits", dims=8, components=4),
        make("fitted_images", **fashion, classes=[2, 4]),
        make("fitted_images", **fashion),
    ):
        found = [
            excess(law, "linear", search(law, "linear", 1, num, seed)) for seed in range(seeds)
        ]
        shown_points = ", ".join(f"{100 * value:.2f}" for value in found)
        print(f"{law.label}: {num} examples leave {shown_points} points", flush=True)


def until(family: str, depth: int, tolerance: float, seeds: int) -> None:
    """Doubles the stream from 1,000 on, each way for itself."""
    law = make("gaussian_images", **GAUSSIAN)
    cut = minimize_scalar(
        lambda t: 0.5 * (norm.sf(t) + norm.cdf((t - 1.2) / 1.2)), bounds=(0, 1.5), method="bounded"
    )
    costs: dict[str, list[float]] = {"search": [], "first": []}
    all_there = True
    for seed in range(seeds):
        ways = {
            "search": lambda num, seed=seed: search(law, family, depth, num, seed),
            "first": lambda num, seed=seed: plain(law, family, depth, num, seed, soft=False),
        }
        for name, train in ways.items():
            num, above = 500, np.inf
            while above >= tolerance and num < 2_000_000:
                num *= 2
                model, cpu_s = timed(lambda train=train, num=num: train(num))
                if family == "linear":
                    above = linear_risk(model) - cut.fun
                else:
                    above = excess(law, family, model)
            costs[name].append(cpu_s)
            all_there &= name == "search" or above < tolerance
            mark = "" if above < tolerance else " and not there yet"
            print(
                f"{name:<6} {num} examples {cpu_s:.1f} CPU s, {above:.5f} above{mark}", flush=True
            )
    ratio = np.median(costs["first"]) / np.median(costs["search"])
    bound = "" if all_there else "at least "
    print(f"median ratio first / search {bound}{ratio:.1f}")


def main() -> None:
    """Reads the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("slack", "xor", "images", "until"))
    parser.add_argument("--family", default="vgg")
    parser.add_argument("--depth", type=int, default=1)
    parser.add_argument("--examples", type=int, default=256_000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tolerance", type=float, default=0.002)
    parser.add_argument("--trained", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.what == "slack":
        slack(options.family, options.depth, options.examples, options.seeds, options.trained)
    elif options.what == "xor":
        xor(options.examples)
    elif options.what == "images":
        images(options.examples, options.seeds)
    else:
        until(options.family, options.depth, options.tolerance, options.seeds)


if __name__ == "__main__":
    main()
