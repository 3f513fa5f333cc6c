"""Fits mixtures to real images, ships them, and says how far the fitted law is from the real one.

    python benchmarks/fitted_images.py ship --classes 2,4 --dims 10  # writes classcomp's own file
    python benchmarks/fitted_images.py risks --classes 2,4           # R*; its rule on real images
    python benchmarks/fitted_images.py distance --classes 2,4        # two-sample test, Frechet
    python benchmarks/fitted_images.py transfer --classes 2,4        # trained on one, asked on both
    python benchmarks/fitted_images.py sheet --classes 2,4 --out sheet.png

Fashion-MNIST and 8 components unless told. `risks`: Bayes risk of the fitted law, with its standard
error, and the 0-1 risk of its Bayes rule on the set's test images. `distance`: a network learns to
tell fitted images from real ones (Lopez-Paz and Oquab 2017), on training images, and is asked about
test images, .5 is chance; and Frechet distances of as many images in the frozen feature network.
`transfer` takes two classes.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from classcomp.models import build
from classcomp.models.base import Classifier
from classcomp.populations import FittedImages, RealData, Sample, make
from classcomp.populations.fits import SHIPPED, Wanted, fit_arrays
from classcomp.populations.staging import stage
from classcomp.scores.generation import frechet_distance
from classcomp.tasks.feature_network import image_features

STEPS, BATCH, RATE, SEED = 500, 64, 3e-3, 0


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_AsItIs)
    parser.add_argument("what", choices=list(COMMANDS))
    parser.add_argument("--dataset", default="fashion_mnist")
    parser.add_argument("--classes", type=_numbers, default=(2, 4))
    parser.add_argument("--dims", type=_numbers, default=(2, 5, 10, 20, 50))
    parser.add_argument("--components", type=int, default=8)
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
    """Errors of networks that learned two classes' fitted images on real ones, and the reverse."""
    real = make(asked.dataset, classes=list(asked.classes))
    train, test = (by_class(everything(real, split)) for split in ("whole_train", "test"))
    of_real = trained(*train)
    print(f"real to real {1 - accuracy(of_real, *test):.4f}")
    for dims in asked.dims:
        rng, fitted = np.random.default_rng(SEED), law(asked, dims)
        drawn, new = (by_class(fitted.sample(2 * len(part[0]), rng)) for part in (train, test))
        of_fitted = trained(*drawn)
        asked_on = {"fitted": new, "real": test}
        errors = [f"fitted to {k} {1 - accuracy(of_fitted, *v):.4f}" for k, v in asked_on.items()]
        errors += [f"real to fitted {1 - accuracy(of_real, *new):.4f}"]
        risk = fitted.bayes_risk().value
        print(f"dims {dims:3d}: {', '.join(errors)}, R* {risk:.4f}")


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


def by_class(sample: Sample) -> list[np.ndarray]:
    """Images of class 0, and of class 1."""
    return [sample.x[sample.labels == k] for k in range(2)]


def seen(x: np.ndarray) -> np.ndarray:
    """Features of images."""
    return image_features(torch.from_numpy(x)).double().numpy()


def trained(a: np.ndarray, b: np.ndarray) -> Classifier:
    """A vgg of depth 2 that tells images `a` (0) from images `b` (1)."""
    generator = torch.Generator().manual_seed(SEED)
    model = build(
        "vgg",
        depth=2,
        input_shape=a.shape[1:],
        num_classes=2,
        hyperparameters={},
        generator=generator,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        chosen = [torch.randint(len(part), (BATCH,), generator=generator) for part in (a, b)]
        inputs = [torch.from_numpy(part)[i] for part, i in zip((a, b), chosen, strict=True)]
        loss = F.cross_entropy(model(torch.cat(inputs)), torch.arange(2).repeat_interleave(BATCH))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()
    return model.eval()


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
    "sheet": sheet,
}

if __name__ == "__main__":
    main()
