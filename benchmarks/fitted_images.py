"""Fits mixtures to real images, ships them, and says how far the fitted law is from the real one.

    python benchmarks/fitted_images.py ship --classes 2,4 --dims 10  # writes classcomp's own file
    python benchmarks/fitted_images.py risks --classes 2,4           # R*; its rule on real images
    python benchmarks/fitted_images.py distance --classes 2,4        # two-sample test, Frechet
    python benchmarks/fitted_images.py transfer --classes 2,4        # trained on one, asked on both
    python benchmarks/fitted_images.py shifts --classes 2,4          # what moved images cost
    python benchmarks/fitted_images.py independent --classes 2,4     # R* by labels of other draws
    python benchmarks/fitted_images.py sheet --classes 2,4 --out sheet.png

Fashion-MNIST and 8 components unless told. `risks`: Bayes risk of the fitted law, with its standard
error, and the 0-1 risk of its Bayes rule on the set's test images. `distance`: a network learns to
tell fitted images from real ones (Lopez-Paz and Oquab 2017), on training images, and is asked about
test images, .5 is chance; and Frechet distances of as many images in the frozen feature network.
`transfer`: networks of depth 2 that learned `--num` fitted or real images, asked about new ones of
both.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.stats
import torch
from torch.nn import functional as F

from classcomp.distortions import distort
from classcomp.models import build
from classcomp.models.base import Classifier
from classcomp.populations import FittedImages, RealData, Sample, make
from classcomp.populations.fits import SHIPPED, Wanted, fit_arrays
from classcomp.populations.staging import stage
from classcomp.scores.generation import frechet_distance
from classcomp.tasks.feature_network import image_features

STEPS, BATCH, RATE, SEED = 500, 64, 3e-3, 0
DISTORTED = (
    *(("none", 0.0), ("feature_noise", 0.5), ("imbalance", 0.9), ("overlap", 0.5)),
    *(("shift", 1.0), ("shift", 2.0)),
)


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_AsItIs)
    parser.add_argument("what", choices=list(COMMANDS))
    parser.add_argument("--dataset", default="fashion_mnist")
    parser.add_argument("--classes", type=_numbers, default=(2, 4))
    parser.add_argument("--dims", type=_numbers, default=(2, 5, 10, 20, 50))
    parser.add_argument("--components", type=int, default=8)
    parser.add_argument("--families", type=lambda text: text.split(","), default=["vgg", "resnet"])
    parser.add_argument("--num", type=int, default=1_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("fitted.png"))
    asked = parser.parse_args()
    COMMANDS[asked.what](asked)


def ship(asked: argparse.Namespace) -> None:
    """Write fits into the package."""
    SHIPPED.mkdir(exist_ok=True)
    for dims in asked.dims:
        wanted = Wanted(
            dataset=asked.dataset,
            classes=tuple(sorted(asked.classes)),
            dims=dims,
            components=asked.components,
        )
        path = SHIPPED / wanted.file_name
        np.savez_compressed(path, **fit_arrays(wanted, stage(asked.dataset)))
        print(f"{law(asked, dims).label}: {path.stat().st_size} bytes")


def risks(asked: argparse.Namespace) -> None:
    """One line a number of dimensions."""
    real = everything(make(asked.dataset, classes=list(asked.classes)), "test")
    for dims in asked.dims:
        fitted = law(asked, dims)
        found = fitted.bayes_risk()
        wrong = (fitted.posterior(real.x).argmax(axis=1) != real.labels).mean()
        error = math.sqrt(wrong * (1 - wrong) / len(real.labels))
        x = fitted.sample(2_000, np.random.default_rng(SEED)).x
        outside = ", ".join(
            f"{share:.3f}" for share in ((x < 0).mean(), (x < -0.3).mean(), (x > 1).mean())
        )
        print(
            f"dims {dims:3d}: R* {found.value:.4f} (SE {found.standard_error:.4f}); "
            f"its rule on {len(real.labels)} real test images {wrong:.4f} (SE {error:.4f}); "
            f"pixels below 0, below -.3, above 1: {outside}"
        )


def distance(asked: argparse.Namespace) -> None:
    """Two-sample accuracies and Frechet distances, with real against real."""
    real = make(asked.dataset, classes=list(asked.classes))
    train, test = (everything(real, split).x for split in ("whole_train", "test"))
    rng = np.random.default_rng(SEED)
    half = len(test) // 2
    features = seen(test)
    others = seen(train[rng.permutation(len(train))[: len(test)]])
    print(f"real against real: Frechet distance {frechet_distance(others, features):.3f} "
          f"({len(test)} training images against {len(test)} test images)")  # fmt: skip
    chance = rng.permutation(train)
    told = accuracy(trained(*np.array_split(chance, 2)), test[:half], test[half:])
    print(f"real against real: told apart {told:.4f} of {len(test)}")
    for dims in asked.dims:
        fitted = law(asked, dims)
        draws = [fitted.sample(num, rng).x for num in (len(train), len(test))]
        told = accuracy(trained(train, draws[0]), test, draws[1])
        print(
            f"dims {dims:3d}: told apart {told:.4f} of "
            f"{2 * len(test)}; Frechet distance {frechet_distance(seen(draws[1]), features):.3f}"
        )


def transfer(asked: argparse.Namespace) -> None:
    """Risks of networks that learned fitted images on real ones, and the reverse, over seeds."""
    real = make(asked.dataset, classes=list(asked.classes))
    train, test = (everything(real, split) for split in ("whole_train", "test"))
    for dims in asked.dims:
        fitted = law(asked, dims)
        risk = fitted.bayes_risk().value
        print(f"dims {dims}, n = {asked.num}, {asked.seeds} seeds, R* {risk:.4f}")
        for family in asked.families:
            risks: dict[str, list[float]] = {}
            for seed in range(asked.seeds):
                rng = np.random.default_rng([SEED, seed])
                own, new = (fitted.sample(num, rng) for num in (asked.num, len(test.labels)))
                chosen = rng.permutation(len(train.labels))[: asked.num]
                theirs = Sample(x=train.x[chosen], labels=train.labels[chosen])
                for name, sample in {"fitted": own, "real": theirs}.items():
                    model = learned(family, sample, fitted.num_classes, seed)
                    for on, held in {"fitted": new, "real": test}.items():
                        risks.setdefault(f"{name} to {on}", []).append(error_of(model, held))
            told = [f"{name} {with_interval(held)}" for name, held in risks.items()]
            print(f"  {family}: {', '.join(told)}", flush=True)


def shifts(asked: argparse.Namespace) -> None:
    """R* of shifted images, and what the Bayes rule of the unshifted ones makes of them."""
    for dims in asked.dims:
        still = law(asked, dims)
        for most in (0, 1, 2):
            moved = still.with_shift(most)
            found, new = moved.bayes_risk(), moved.sample(10_000, np.random.default_rng(SEED))
            errors = [
                float((rule.posterior(new.x).argmax(axis=1) != new.labels).mean())
                for rule in (moved, still)
            ]
            print(
                f"dims {dims}, shift {most}: R* {found.value:.4f} (SE {found.standard_error:.4f}); "
                f"on 10,000 draws its rule {errors[0]:.4f}, the unshifted law's {errors[1]:.4f}"
            )


def independent(asked: argparse.Namespace) -> None:
    """R* of distorted laws against labels that other draws came with: z of their difference."""
    for dims in asked.dims:
        for name, severity in DISTORTED:
            population = distort(law(asked, dims), name, severity)
            found = population.bayes_risk()
            rng = np.random.default_rng([SEED, 1])
            wrong = [
                population.posterior(new.x).argmax(axis=1) != new.labels
                for new in (population.sample(4_000, rng) for _ in range(10))
            ]
            share, num = np.mean(wrong), np.size(wrong)
            error = math.sqrt(share * (1 - share) / num + found.standard_error**2)
            print(
                f"dims {dims}, {name} {severity:g}: R* {found.value:.5f} "
                f"(SE {found.standard_error:.5f}), of {num} drawn labels {share:.5f}, "
                f"z {(share - found.value) / error:+.2f}"
            )


def sheet(asked: argparse.Namespace) -> None:
    """Real images and fitted ones, class by class."""
    from study.rendering.image_sheets import Sheet, Sheets, draw_sheets, same_scale

    across, rows, names = 12, [], []
    real = everything(make(asked.dataset, classes=list(asked.classes)), "test")
    for k, name in enumerate(law(asked, asked.dims[0]).class_names):
        rows.append(real.x[real.labels == k][:across])
        names.append(f"{name}, real")
        for dims in asked.dims:
            drawn = law(asked, dims).sample(across * 40, np.random.default_rng(SEED))
            rows.append(drawn.x[drawn.labels == k][:across])
            names.append(f"{name}, fitted in {dims}")
    images = np.stack(rows)
    panel = Sheet(
        label=asked.dataset, images=images, scale=same_scale(images, 0, 1), rows=tuple(names)
    )
    draw_sheets(Sheets(title="Real and fitted images", how="", panels=(panel,))).savefig(asked.out)
    print(asked.out)


def law(asked: argparse.Namespace, dims: int) -> FittedImages:
    """The fitted law of so many dimensions."""
    found = make(
        "fitted_images",
        dataset=asked.dataset,
        classes=list(asked.classes),
        dims=dims,
        components=asked.components,
    )
    assert isinstance(found, FittedImages)
    return found


def everything(population: RealData, split: str) -> Sample:
    """All examples of a part, in a fixed order."""
    num = population.num_available(split)
    return population.sample(num, np.random.default_rng(SEED), split=split)


def seen(x: np.ndarray) -> np.ndarray:
    """Features of images."""
    return image_features(torch.from_numpy(x)).double().numpy()


def trained(a: np.ndarray, b: np.ndarray) -> Classifier:
    """A vgg of depth 2 that tells images `a` (0) from images `b` (1), drawn equally often."""
    labels = torch.arange(2).repeat_interleave(BATCH)

    def draw(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = [torch.randint(len(part), (BATCH,), generator=generator) for part in (a, b)]
        parts = [torch.from_numpy(part)[i] for part, i in zip((a, b), chosen, strict=True)]
        return torch.cat(parts), labels

    return descended("vgg", draw, a.shape[1:], 2, SEED)


def learned(family: str, sample: Sample, num_classes: int, seed: int) -> Classifier:
    """A network of depth 2 that learned a sample's labels."""
    x, labels = torch.from_numpy(sample.x), torch.from_numpy(sample.labels)

    def draw(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = torch.randint(len(x), (BATCH,), generator=generator)
        return x[chosen], labels[chosen]

    return descended(family, draw, sample.x.shape[1:], num_classes, seed)


def descended(
    family: str,
    draw: Callable[[torch.Generator], tuple[torch.Tensor, torch.Tensor]],
    shape: tuple[int, ...],
    num_classes: int,
    seed: int,
) -> Classifier:
    """A network of depth 2 after STEPS batches of cross-entropy, the rate along a cosine."""
    generator = torch.Generator().manual_seed(seed)
    model = build(
        family,
        depth=2,
        input_shape=shape,
        num_classes=num_classes,
        hyperparameters={},
        generator=generator,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        inputs, labels = draw(generator)
        loss = F.cross_entropy(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()
    return model.eval()


@torch.no_grad()
def error_of(model: Classifier, sample: Sample) -> float:
    """Share of examples that a network takes for another class."""
    said = [model(part).argmax(dim=1) for part in torch.from_numpy(sample.x).split(500)]
    return float((torch.cat(said).numpy() != sample.labels).mean())


def with_interval(values: list[float]) -> str:
    """A mean with its 95% interval by Student's t over seeds; test images are the same for all."""
    half = scipy.stats.t.ppf(0.975, len(values) - 1) * scipy.stats.sem(values)
    return f"{np.mean(values):.4f} +- {half:.4f}"


@torch.no_grad()
def accuracy(model: Classifier, a: np.ndarray, b: np.ndarray) -> float:
    """Share of new images that a network of `trained` takes for what they are."""
    right = [
        (model(part).argmax(dim=1) == label).double().sum()
        for label, new in enumerate((a, b))
        for part in torch.from_numpy(new).split(500)
    ]
    return float(sum(right)) / (len(a) + len(b))


class _AsItIs(argparse.RawDescriptionHelpFormatter):
    """The docstring keeps its lines."""


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


COMMANDS = {
    "ship": ship,
    "risks": risks,
    "distance": distance,
    "transfer": transfer,
    "shifts": shifts,
    "independent": independent,
    "sheet": sheet,
}

if __name__ == "__main__":
    main()
