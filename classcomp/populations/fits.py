"""Fits of Gaussian mixtures to classes of a real set, in the principal components that they share.

Fitted on the training part alone, of the chosen classes: principal components of their images
together; the mean of the eigenvalues that are left out, which is the variance of the noise in the
remaining directions (maximum likelihood of probabilistic PCA: Tipping and Bishop 1999, eq. 8); and
of each class a mixture of full covariances, by EM from k-means.

A fit is looked for among those that are shipped (`shipped_fits/`), where no data are needed, then
in the cache, then made from the data, once per machine. It is held in float32: what is read is the
law.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, Int64

from classcomp.archives import read_member, why_not
from classcomp.outside import regular
from classcomp.populations.staging import (
    DATA_SETS,
    DataUnavailable,
    cache_folder,
    load,
    locked,
    stage,
    write_npz,
)
from classcomp.wording import one_line

FIT_VERSION = 1
"""Of how a fit is made: one that was cached under another is made again."""
SHIPPED = Path(__file__).with_name("shipped_fits")
MOST_FACTS = 2**16
"""Bytes of a file beside the arrays, unpacked."""
MOST_ITERATIONS = 1_000
"""Of EM, which stops when an image's log-likelihood grows by less than .001 nats on average."""
SEED = 0
"""Of k-means."""
NEGLIGIBLE = 1e-9
"""Eigenvalues below so much of the largest are of directions in which images do not vary."""
_ARRAYS = ("mean", "axes", "noise", "shares", "weights", "means", "covariances")
_FACTS = "facts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What determines a fit.

    Attributes:
        dataset: a key of `staging.DATA_SETS`.
        classes: of the set, ascending.
        dims: principal components.
        components: of each class's mixture.
    """

    dataset: str
    classes: tuple[int, ...]
    dims: int
    components: int

    @property
    def file_name(self) -> str:
        """Of a shipped fit."""
        classes = ".".join(map(str, self.classes))
        return f"{self.dataset}-{classes}-d{self.dims}-k{self.components}.npz"

    @property
    def command(self) -> str:
        """What makes it again."""
        classes = ",".join(map(str, self.classes))
        return (
            f"python benchmarks/fitted_images.py ship --dataset {self.dataset} --classes {classes} "
            f"--dims {self.dims} --components {self.components}"
        )

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Of the arrays of a file."""
        pixels, num = prod(DATA_SETS[self.dataset].shape), len(self.classes)
        per_component = (num, self.components)
        return {
            "mean": (pixels,),
            "axes": (self.dims, pixels),
            "noise": (),
            "shares": (num,),
            "weights": per_component,
            "means": (*per_component, self.dims),
            "covariances": (*per_component, self.dims, self.dims),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """What was fitted; equal to another, and hashed, by what was asked and its fingerprint.

    Attributes:
        wanted: what was asked.
        fingerprint: first 12 hex digits of sha256 over the arrays in float32.
        facts: which data, versions and command made it, as JSON.
        mean: of the images, flattened.
        axes: orthonormal, the first principal components.
        noise: variance in each of the remaining directions.
        shares: of the classes in the training part.
        weights: of each class's components, summing to 1.
        means: of the components, in coordinates along the axes.
        covariances: likewise, positive definite.
    """

    wanted: Wanted
    fingerprint: str
    facts: str = field(compare=False, repr=False)
    mean: Float64[np.ndarray, " pixels"] = field(compare=False, repr=False)
    axes: Float64[np.ndarray, "dims pixels"] = field(compare=False, repr=False)
    noise: float = field(compare=False)
    shares: Float64[np.ndarray, " classes"] = field(compare=False, repr=False)
    weights: Float64[np.ndarray, "classes components"] = field(compare=False, repr=False)
    means: Float64[np.ndarray, "classes components dims"] = field(compare=False, repr=False)
    covariances: Float64[np.ndarray, "classes components dims dims"] = field(
        compare=False, repr=False
    )


@lru_cache(maxsize=16)
def find_fit(wanted: Wanted) -> Fit:
    """The shipped fit, else the cache's, else one that is made now.

    Data are looked for where `staging.stage` looks, but in no `data_dir`: what a fit is must be
    known wherever its law is named, and a study file is read without one.

    Raises:
        ValueError: there are too few directions or images for it; one line.
        DataUnavailable: it is not shipped, and the data are not to be had.
    """
    shipped = SHIPPED / wanted.file_name
    if shipped.exists():
        return read_fit(shipped, wanted)
    try:
        staged = stage(wanted.dataset)  # its name tells one source of the data from another
    except DataUnavailable as error:
        raise DataUnavailable(
            f"this fit is not shipped, and is made without --data-dir: {error}"
        ) from error
    data = staged.stem.rpartition("-")[2]
    target = cache_folder() / "fits" / f"v{FIT_VERSION}-{data}-{wanted.file_name}"
    if not target.exists():
        with locked(target.with_suffix(".lock")):  # processes that race wait for the first
            if not target.exists():
                write_npz(target, fit_arrays(wanted, staged))
    return read_fit(target, wanted)


def read_fit(path: Path, wanted: Wanted) -> Fit:
    """Read a file of `fit_arrays`, within bounds.

    Raises:
        ValueError: it is none, or another one; one line.
    """
    try:
        regular(path)
        with zipfile.ZipFile(path) as archive:
            most = 4 * sum(map(prod, wanted.shapes.values())) + MOST_FACTS
            problem = why_not(archive, (*_ARRAYS, _FACTS), most)
            keys = () if problem else (*_ARRAYS, _FACTS)
            arrays = {key: read_member(archive, key) for key in keys}
    except Exception as error:  # zipfile and numpy raise whatever they meet in a damaged file
        problem = f"cannot be read as .npz ({one_line(error)})"
    problem = problem or _what_is_wrong(arrays, wanted)
    if problem is not None:
        raise ValueError(f"{path} is not the fit that was asked for: {problem}")
    wide = {key: arrays[key].astype(np.float64) for key in _ARRAYS}
    return Fit(
        wanted=wanted,
        fingerprint=_fingerprint(arrays),
        facts=str(arrays[_FACTS]),
        mean=wide["mean"],
        axes=_orthonormal(wide["axes"]),
        noise=float(wide["noise"]),
        shares=wide["shares"] / wide["shares"].sum(),
        weights=wide["weights"] / wide["weights"].sum(axis=1, keepdims=True),
        means=wide["means"],
        covariances=wide["covariances"],
    )


def fit_arrays(wanted: Wanted, staged: Path) -> dict[str, np.ndarray]:
    """Fit the training part of a decoded set: the arrays of a file, in float32.

    Args:
        wanted: what is asked.
        staged: the file that holds the set (`staging.stage`).

    Raises:
        ValueError: there are too few directions or images; one line.
        DataUnavailable: scikit-learn is not there.
    """
    try:
        from sklearn.decomposition import PCA
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise DataUnavailable("a fit needs scikit-learn: pip install -e '.[sweep]'") from error
    held = load(staged)
    chosen = np.isin(held.train_labels, wanted.classes)
    raw, labels = held.train_images[chosen], held.train_labels[chosen]
    counts = np.array([(labels == k).sum() for k in wanted.classes])
    _check_num_components(wanted, counts)
    with threadpool_limits(1):  # with more, sums are ordered otherwise
        images = raw.reshape(len(raw), -1) / DATA_SETS[wanted.dataset].white
        found = PCA(svd_solver="covariance_eigh").fit(images)
        _check_dims(wanted.dims, found.explained_variance_)
        axes = found.components_[: wanted.dims]
        coordinates = (images - found.mean_) @ axes.T
        mixtures = [_mixture(coordinates[labels == k], wanted.components) for k in wanted.classes]
    covariances = np.stack([mixture.covariances_ for mixture in mixtures])
    arrays = {
        "mean": found.mean_,
        "axes": axes,
        "noise": found.explained_variance_[wanted.dims :].mean(),
        "shares": counts / len(labels),
        "weights": np.stack([mixture.weights_ for mixture in mixtures]),
        "means": np.stack([mixture.means_ for mixture in mixtures]),
        "covariances": (covariances + covariances.swapaxes(2, 3)) / 2,
    }
    single = {key: np.asarray(array, dtype="<f4") for key, array in arrays.items()}
    return single | {_FACTS: np.array(json.dumps(_facts(wanted, raw, labels)))}


def _facts(
    wanted: Wanted, raw: np.ndarray, labels: Int64[np.ndarray, " n"]
) -> dict[str, str | dict[str, str]]:
    import sklearn

    return {
        "data": f"{wanted.dataset}: {len(raw)} training images of classes {list(wanted.classes)}",
        "sha256": hashlib.sha256(raw.tobytes() + labels.astype("<i8").tobytes()).hexdigest(),
        "versions": {"scikit-learn": sklearn.__version__, "numpy": np.__version__},
        "command": wanted.command,
    }


def _mixture(coordinates: Float[np.ndarray, "n dims"], components: int) -> Any:
    from sklearn.mixture import GaussianMixture

    mixture = GaussianMixture(components, max_iter=MOST_ITERATIONS, random_state=SEED)
    return mixture.fit(coordinates)


def _check_dims(dims: int, eigenvalues: Float64[np.ndarray, " pixels"]) -> None:
    """At least one direction must be left: its variance is the noise's."""
    most = int((eigenvalues > NEGLIGIBLE * eigenvalues[0]).sum()) - 1
    if dims > most:
        raise ValueError(
            f"dims = {dims}: the images vary in {most + 1} directions, of which one is for the "
            f"noise at least; allowed are 1 to {most}"
        )


def _check_num_components(wanted: Wanted, counts: Int64[np.ndarray, " classes"]) -> None:
    """A covariance of full rank needs one image more than it has dimensions."""
    each = wanted.dims + 1
    most = int(counts.min()) // each
    if wanted.components > most:
        scarcest = wanted.classes[int(counts.argmin())]
        raise ValueError(
            f"components = {wanted.components}: class {scarcest} has {counts.min()} training "
            f"images, and a covariance in {wanted.dims} dims needs {each} of its own; "
            f"allowed are 1 to {most}"
        )


def _what_is_wrong(arrays: Mapping[str, np.ndarray], wanted: Wanted) -> str | None:
    for key, shape in wanted.shapes.items():
        array = arrays[key]
        if array.dtype != np.float32 or array.shape != shape or not np.isfinite(array).all():
            return f"{key} must be finite numbers in float32 of shape {shape}"
    positive = [key for key in ("noise", "shares", "weights") if not (arrays[key] > 0).all()]
    if positive:
        return f"{', '.join(positive)} must be above 0"
    with np.errstate(all="ignore"):  # what is beyond float32 is not orthonormal either
        products = arrays["axes"] @ arrays["axes"].T
    if not np.allclose(products, np.eye(wanted.dims), atol=1e-4):
        return "axes must be orthonormal"
    covariances = arrays["covariances"].astype(np.float64)
    try:
        np.linalg.cholesky(covariances)  # which looks at one half of them
        is_sound = np.array_equal(covariances, covariances.swapaxes(2, 3))
    except np.linalg.LinAlgError:
        is_sound = False
    return None if is_sound else "covariances must be symmetric and positive definite"


def _fingerprint(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for key in _ARRAYS:
        digest.update(f"{key} {arrays[key].shape}\n".encode())
        digest.update(np.ascontiguousarray(arrays[key], dtype="<f4").tobytes())
    return digest.hexdigest()[:12]


def _orthonormal(
    axes: Float64[np.ndarray, "dims pixels"],
) -> Float64[np.ndarray, "dims pixels"]:
    """The nearest orthonormal axes (polar decomposition): float32 took the last digits."""
    left, _, right = np.linalg.svd(axes, full_matrices=False)
    nearest: np.ndarray = left @ right
    return nearest
