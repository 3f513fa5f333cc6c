"""A user's labelled examples: read from an .npz file within bounds, checked, and hashed."""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Real

from classcomp.archives import read_member, too_large, why_not
from classcomp.populations.staging import DataUnavailable
from classcomp.wording import one_line

MOST_BYTES = 16 * 2**30
"""Of all arrays of a data set together, unpacked."""
SMALLEST_SIDE = 4
FEWEST_OF_A_CLASS = {True: 4, False: 6}
"""Examples of every class that can be split, with a test part given and without one."""

_KEYS = ("x", "y", "x_test", "y_test")
_NAME, _CLASSES = "classcomp_name", "classcomp_classes"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OwnExamples:
    """Checked examples in their canonical form.

    Attributes:
        x: images `(C, H, W)` in uint8 or float32, or points `(d,)` in float64.
        y: every class 0..K-1 is present.
        x_test: of the same form, or None.
        y_test: every class is present, or None.
        name: what was stored as the data's name by `fields`; None in a user's own file.
        class_names: K names, or empty.
    """

    x: Real[np.ndarray, " n *shape"]
    y: Int64[np.ndarray, " n"]
    x_test: Real[np.ndarray, " m *shape"] | None = None
    y_test: Int64[np.ndarray, " m"] | None = None
    name: str | None = None
    class_names: tuple[str, ...] = ()

    def fields(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of an .npz file that `read_examples` reads as these examples, named."""
        arrays = self._arrays() | {_NAME: np.array(name)}
        return arrays | ({_CLASSES: np.array(self.class_names)} if self.class_names else {})

    def digest(self) -> str:
        """sha256 over class names and every array's key, type, shape and bytes, 64 hex digits."""
        digest = hashlib.sha256(json.dumps(self.class_names).encode())
        for key, array in self._arrays().items():
            array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
            digest.update(f"{key} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.reshape(-1).view(np.uint8).data)
        return digest.hexdigest()

    def _arrays(self) -> dict[str, np.ndarray]:
        return {key: getattr(self, key) for key in _KEYS if getattr(self, key) is not None}


def read_examples(path: Path) -> OwnExamples:
    """Read and check an .npz file with x, y and perhaps x_test, y_test.

    Raises:
        DataUnavailable: the file cannot be read.
        ValueError: its arrays are no labelled examples; one line says why.
    """
    arrays = _read_npz(path)
    try:
        return _checked(arrays)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def check_size(num_bytes: int) -> None:
    """Raise ValueError where the arrays of a data set are larger than MOST_BYTES."""
    problem = too_large(num_bytes, MOST_BYTES)
    if problem is not None:
        raise ValueError(problem)


def check_counts(counts: Sequence[int], names: Sequence[object], *, has_test: bool) -> None:
    """Raise ValueError unless there are two classes, each with examples enough to be split."""
    if len(counts) < 2:
        raise ValueError(f"there is one class only ({names[0]}): must be two or more")
    fewest = FEWEST_OF_A_CLASS[has_test]
    for count, name in zip(counts, names, strict=True):
        if count < fewest:
            parts = "train and validation" if has_test else "train, validation and test"
            raise ValueError(
                f"class {name} has {count} examples: at least {fewest} are needed for {parts}"
            )


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            present = {Path(entry).stem for entry in archive.namelist() if entry.endswith(".npy")}
            wanted = [key for key in (*_KEYS, _NAME, _CLASSES) if key in present]
            problem = why_not(archive, wanted, MOST_BYTES)
            arrays = {} if problem else {key: read_member(archive, key) for key in wanted}
    except Exception as error:  # zipfile and numpy raise whatever they meet in a damaged file
        raise DataUnavailable(f"{path} cannot be read as .npz ({one_line(error)})") from error
    if problem:
        raise ValueError(f"{path}: {problem}")
    if "x" not in arrays or "y" not in arrays:
        shown = ", ".join(sorted(present)[:8]) or "nothing"
        raise ValueError(f"{path} holds {shown}: needed are x, y")
    return arrays


def _checked(arrays: Mapping[str, np.ndarray]) -> OwnExamples:
    if ("x_test" in arrays) != ("y_test" in arrays):
        there, lacks = ("x", "y") if "x_test" in arrays else ("y", "x")
        raise ValueError(f"{there}_test is there without {lacks}_test: must be both or neither")
    has_test = "x_test" in arrays
    x, y = _checked_x("x", arrays["x"]), _checked_y("y", arrays["y"], len(arrays["x"]))
    labels, counts = np.unique(y, return_counts=True)
    if not np.array_equal(labels, np.arange(len(labels))):
        missing = np.flatnonzero(labels != np.arange(len(labels)))[0]
        raise ValueError(f"y lacks class {missing}: must hold every label 0 to {labels[-1]}")
    check_counts(counts.tolist(), labels.tolist(), has_test=has_test)
    x_test = y_test = None
    if has_test:
        x_test = _checked_x("x_test", arrays["x_test"])
        if x_test.shape[1:] != x.shape[1:] or x_test.dtype != x.dtype:
            raise ValueError(f"x_test is {_form(x_test)}, x is {_form(x)}: must be alike")
        y_test = _checked_y("y_test", arrays["y_test"], len(x_test))
        if differ := np.setxor1d(labels, y_test).tolist():
            which = "y_test" if differ[0] in labels else "y"
            raise ValueError(f"{which} lacks class {differ[0]}: y and y_test must hold the same")
    return OwnExamples(
        x=x,
        y=y,
        x_test=x_test,
        y_test=y_test,
        name=_checked_name(arrays.get(_NAME)),
        class_names=_checked_class_names(arrays.get(_CLASSES), len(labels)),
    )


def _checked_x(key: str, x: np.ndarray) -> np.ndarray:
    """Examples in canonical form, without a copy where they have it already."""
    if x.ndim not in (2, 3, 4) or 0 in x.shape:
        raise ValueError(
            f"{key} has shape {x.shape}: must be (N, d), (N, H, W) or (N, C, H, W), none of them 0"
        )
    if x.ndim == 2:
        if x.dtype.kind not in "iuf":
            raise ValueError(f"{key} is of type {x.dtype}: must be numbers")
        with np.errstate(over="ignore"):
            x = np.ascontiguousarray(x, dtype=np.float64)
        finite = (np.abs(x) <= np.finfo(np.float32).max).all()
    else:
        x = x[:, None] if x.ndim == 3 else x
        if min(x.shape[2:]) < SMALLEST_SIDE:
            raise ValueError(
                f"{key} has images of {x.shape[2]} x {x.shape[3]} pixels: must be at least "
                f"{SMALLEST_SIDE} x {SMALLEST_SIDE}, channels first as in (N, C, H, W)"
            )
        if x.dtype != np.uint8 and x.dtype.kind != "f":
            raise ValueError(f"{key} is of type {x.dtype}: images must be uint8 or float")
        with np.errstate(over="ignore"):
            x = np.ascontiguousarray(x, dtype=np.uint8 if x.dtype == np.uint8 else np.float32)
        finite = np.isfinite(x).all()
    if not finite:
        raise ValueError(f"{key} holds NaN, infinite values or values beyond float32's range")
    return x


def _checked_y(key: str, y: np.ndarray, num: int) -> np.ndarray:
    if y.ndim != 1:
        raise ValueError(f"{key} has shape {y.shape}: must be (N,)")
    if len(y) != num:
        raise ValueError(f"{key} has {len(y)} labels for {num} examples: must be as many")
    if y.dtype.kind not in "iu":
        raise ValueError(f"{key} is of type {y.dtype}: must be whole numbers 0 to K-1")
    if y.min() < 0 or y.max() >= num:
        wrong = y.min() if y.min() < 0 else y.max()
        raise ValueError(f"{key} holds {wrong}: must be whole numbers 0 to K-1, each of them there")
    return y.astype(np.int64)


def _checked_name(name: np.ndarray | None) -> str | None:
    if name is None:
        return None
    if name.dtype.kind != "U" or name.shape != () or not str(name):
        raise ValueError(f"{_NAME} must be text")
    return str(name)


def _checked_class_names(names: np.ndarray | None, num_classes: int) -> tuple[str, ...]:
    if names is None:
        return ()
    if names.dtype.kind != "U" or names.shape != (num_classes,):
        raise ValueError(f"{_CLASSES} must be {num_classes} texts")
    return tuple(names.tolist())


def _form(x: np.ndarray) -> str:
    return f"(N, {', '.join(map(str, x.shape[1:]))}) {x.dtype}"
