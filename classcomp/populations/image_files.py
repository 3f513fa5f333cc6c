"""Folders of images: which file belongs to which class, and decoding them alike."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from classcomp.populations.own_examples import OwnExamples, check_counts, check_size
from classcomp.populations.staging import DataUnavailable
from classcomp.wording import one_line

if TYPE_CHECKING:
    from PIL import Image

_Read = TypeVar("_Read")

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""What Pillow may read here; PostScript, for one, would run a program."""
_GREY = ("1", "L", "LA", "I;16", "I;16L", "I;16B")
_COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFiles:
    """A folder's images.

    Attributes:
        class_names: names of the K sub-folders, sorted.
        train: (file, label) sorted by class and file name.
        test: likewise; empty where the folder has no test part of its own.
    """

    class_names: tuple[str, ...]
    train: tuple[tuple[Path, int], ...]
    test: tuple[tuple[Path, int], ...] = ()


def list_images(folder: Path) -> ImageFiles:
    """One sub-folder per class, or train/ and test/ with the same sub-folders; hidden files pass.

    Raises:
        ValueError: the folder is laid out otherwise; one line names what is wrong.
        DataUnavailable: it cannot be read.
    """
    try:
        if {path.name for path in _visible(folder)} == {"train", "test"}:
            (names, train), (others, test) = (_list_part(folder / p) for p in ("train", "test"))
            if differ := set(names) ^ set(others):
                raise ValueError(
                    f"{folder}: class {min(differ)} is in one of train/ and test/ only: both must "
                    "have the same sub-folders"
                )
            files = ImageFiles(class_names=names, train=train, test=test)
        else:
            names, train = _list_part(folder)
            files = ImageFiles(class_names=names, train=train)
    except OSError as error:
        raise DataUnavailable(f"{error.filename}: {error.strerror}") from error
    counts = np.bincount([label for _, label in files.train]).tolist()
    try:
        check_counts(counts, files.class_names, has_test=bool(files.test))
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    return files


def decode_images(folder: Path, files: ImageFiles, size: int) -> OwnExamples:
    """Read every image as uint8 of `size` x `size` pixels: `(N, 1 or 3, size, size)`.

    Grey if every image is grey, else RGB; transparency is dropped, of 16 bits the upper eight are
    kept, of an animation the first picture. Both sides are resized to `size`, whatever their
    ratio, bilinearly (Pillow's, which averages over what falls into a pixel when it shrinks).
    Rotations in EXIF tags are not applied.

    Raises:
        ValueError: the images are too large together.
        DataUnavailable: a file is no readable image; the line names it.
    """
    every = (*files.train, *files.test)
    modes = {_opened(path, lambda image: image.mode) for path, _ in every}
    num_channels = 1 if modes <= set(_GREY) else 3
    try:
        check_size(len(every) * num_channels * size**2)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    x, y = _decode_part(files.train, num_channels, size)
    x_test, y_test = _decode_part(files.test, num_channels, size) if files.test else (None, None)
    return OwnExamples(x=x, y=y, x_test=x_test, y_test=y_test, class_names=files.class_names)


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _list_part(folder: Path) -> tuple[tuple[str, ...], tuple[tuple[Path, int], ...]]:
    classes = _visible(folder)
    if not classes:
        raise ValueError(f"{folder} is empty: must hold one sub-folder per class")
    for path in classes:
        if not path.is_dir():
            raise ValueError(f"{path} is no folder: beside class folders nothing else may lie")
    files: list[tuple[Path, int]] = []
    for label, path in enumerate(classes):
        images = _visible(path)
        if not images:
            raise ValueError(f"{path} holds no image: every class needs some")
        for image in images:
            if not image.is_file():
                raise ValueError(f"{image} is no file: a class folder holds images only")
        files += [(image, label) for image in images]
    return tuple(path.name for path in classes), tuple(files)


def _decode_part(
    files: Sequence[tuple[Path, int]], num_channels: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    x = np.empty((len(files), num_channels, size, size), dtype=np.uint8)
    for i, (path, _) in enumerate(files):
        pixels = _opened(path, lambda image: _pixels(image, num_channels, size))
        x[i] = pixels.reshape(size, size, num_channels).transpose(2, 0, 1)
    return x, np.array([label for _, label in files], dtype=np.int64)


def _opened(path: Path, read: Callable[["Image.Image"], _Read]) -> _Read:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                return read(image)
    except Exception as error:  # Pillow's parsers raise whatever they meet in a damaged file
        raise DataUnavailable(f"{path} is no readable image ({one_line(error)})") from error


def _pixels(image: "Image.Image", num_channels: int, size: int) -> np.ndarray:
    """`(size, size)` or `(size, size, 3)` uint8."""
    from PIL import Image

    if image.mode not in _GREY + _COLOUR:
        raise ValueError(f"its mode is {image.mode}: allowed are {', '.join(_GREY + _COLOUR)}")
    if image.mode.startswith("I;16"):  # Pillow would clip at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image = image.convert("L" if num_channels == 1 else "RGB")
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
