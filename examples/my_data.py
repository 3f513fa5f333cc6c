"""Writes data of your own in both forms that a study reads: arrays and a folder of images.

python examples/my_data.py            # writes examples/my_data/
python -m study.run examples/my_data.toml
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("across", "down")
NUM_IMAGES, SIZE = 240, 8


def draw_stripes(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Noisy stripes: images `(N, H, W)` uint8, and labels `(N,)`, 0: across, 1: down."""
    labels = np.arange(NUM_IMAGES) % 2
    wave = np.sin(np.arange(SIZE) * np.pi / 2 + rng.uniform(0, 2 * np.pi, (NUM_IMAGES, 1)))
    across = np.repeat(wave[:, :, None], SIZE, axis=2)
    images = np.where(labels[:, None, None] == 0, across, across.transpose(0, 2, 1))
    noisy = images + rng.normal(0, 1.5, images.shape)
    return (np.clip(noisy / 8 + 0.5, 0, 1) * 255).astype(np.uint8), labels


def write_data(folder: Path) -> None:
    """`mine.npz` with x and y, and `photos/` with one sub-folder of pictures per class."""
    images, labels = draw_stripes(np.random.default_rng(0))
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "mine.npz", x=images, y=labels)
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = folder / "photos" / CLASSES[label] / f"{i:03}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place)


if __name__ == "__main__":
    write_data(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("my_data"))
