"""Small data of a user's own, as the tests write them."""

import numpy as np
from PIL import Image

NUM = 60


def labels(num=NUM, num_classes=3):
    return np.arange(num) % num_classes


def pixels(num=NUM, shape=(1, 6, 5), seed=0):
    return np.random.default_rng(seed).integers(256, size=(num, *shape), dtype=np.uint8)


def points(num=NUM, dim=4, seed=0):
    return np.random.default_rng(seed).standard_normal((num, dim))


def write(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


def write_folder(root, shape=(9, 7), classes=("ant", "bee"), num=8, seed=0):
    """One grey PNG per example; the pictures of one class follow those of the other."""
    images = iter(pixels(num * len(classes), shape, seed))
    for name in classes:
        (root / name).mkdir(parents=True)
        for i in range(num):
            Image.fromarray(next(images)).save(root / name / f"{i}.png")
    return root
