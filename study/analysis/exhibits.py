"""Exhibits of a study: arrays that trials left to be looked at, and how alike features are.

    exhibits/<trial_id>.npz holds some of

    confusion/counts     (K, K)  examples by true class and by decided class
    decision_map/rule    (G, G)  the class decided at every point of a grid over a 2-D law
    decision_map/bayes   (G, G)  the Bayes rule's
    decision_map/extent  (4,)    of the grid: x from, x to, y from, y to
    features/points      (N, 2)  a plane of the features of a sample that all trials share
    features/labels      (N,)    its classes
    features/gram        (N, N)  the centred Gram matrix of its features
    samples/images       (M, C, H, W)  generated, from the noise that all trials share
    samples/real         (M, C, H, W)  evaluation examples
    samples/along        (S, J, ...)   the first of those, while the model was trained
    samples/along_steps  (S,)    the optimizer steps before each of these looks
    samples/points       (P, d)  generated where examples are points
    samples/real_points  (P, d)  evaluation examples

    reconstructions/originals (N', C, H, W)  first examples of each class, reconstructions/labels
    reconstructions/decoded, drawn, seen     what comes back; of latents that are drawn too;
                                             what is shown where pixels are missing, 0 there
    traversals/images    (L, S, C, H, W)     along latents (L,), at values (L, S)
    traversals/plane     (Q, Q, C, H, W)     over two latents, at plane_values (2, Q)
    class_means/images   (M, C, H, W)        the mean latents of classes (M,), decoded
    interpolations/images (I, C, H, W)       between examples of two classes (2,), by latents
    altered_latents/images (5, C, H, W)      an example's latents times .5, 1, 1.5; ones; zeros
    inference/steps, mse (S,)                error after so many steps of a search for latents
    latent_map/mds, unit_mds (N, 3)          metric MDS of latents, and of latents of length 1
    latent_map/tsne      (N, 2)  t-SNE of latents, latent_map/labels the examples' classes
    latent_map/quality   (5, 3)  of MAP_LAYOUTS the MAP_NUMBERS, NaN where not known
    latent_plane/points  (P, 2)  examples by two latents, latent_plane/labels their classes
    layers/kernels       (F, I, h, w)        of the first convolution
    layers/maps          (R, O, H, W)        of each convolution for layers/image, by sizes (R, 3)

    exhibits/law-<key>.npz holds, where a model of the law has a latent plane,

    pca/points, tsne/points (P, 2)   of the same examples, labels (P,)
    pca/quality, tsne/quality (3,)   k-NN accuracy, trustworthiness, continuity

exhibits/law-<key>-samples.npz holds, of a law that was fitted to a set of images,

    fitted/drawn, real   (K, S, C, H, W)  images of each class, and the set's where it was at hand

exhibits/law-<key>-<corruption>.npz holds, where training images are corrupted,

    corrupted/clean, shown (T, C, H, W)  some of them as they were, and as they are

and maybe other numeric arrays. The files are read with suspicion: they may come from anywhere.
"""

import io
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from study.analysis.columns import MAP_LAYOUTS, MAP_NUMBERS
from study.analysis.frames import LARGEST, TableError
from study.storage.outside import read_bytes
from study.trials.exhibits import FOLDER, LAW_PREFIX

GRAM = "features/gram"
MAP_QUALITY, MAP_LABELS = "latent_map/quality", "latent_map/labels"
_MAY_BE_UNKNOWN = (GRAM, MAP_QUALITY)
"""NaN: of a constant space, or where there are too few classes."""
MAX_BYTES = 64 * 2**20
"""Of a file, packed or unpacked."""
MOST_BYTES = 4 * 2**30
"""Of all arrays of a kind that a study's folder holds and are kept, unpacked."""

Array = np.ndarray[Any, np.dtype[Any]]
Arrays = Mapping[str, Array]
"""Of one trial, by key."""

# dtype kinds of a key, and its shape: in an exhibit the same letter is the same length, a number
# that length
_FORMS: Mapping[str, tuple[str, tuple[str | int, ...]]] = {
    "confusion/counts": ("iu", ("K", "K")),
    "decision_map/rule": ("biu", ("G", "G")),
    "decision_map/bayes": ("biu", ("G", "G")),
    "decision_map/extent": ("f", (4,)),
    "features/points": ("f", ("N", 2)),
    "features/labels": ("iu", ("N",)),
    GRAM: ("f", ("N", "N")),
    "reconstructions/originals": ("f", ("E", "C", "H", "W")),
    "reconstructions/decoded": ("f", ("E", "C", "H", "W")),
    "reconstructions/drawn": ("f", ("E", "C", "H", "W")),
    "reconstructions/seen": ("f", ("E", "C", "H", "W")),
    "reconstructions/labels": ("iu", ("E",)),
    "traversals/images": ("f", ("L", "S", "C", "H", "W")),
    "traversals/latents": ("iu", ("L",)),
    "traversals/values": ("f", ("L", "S")),
    "traversals/plane": ("f", ("Q", "Q", "C", "H", "W")),
    "traversals/plane_values": ("f", (2, "Q")),
    "class_means/images": ("f", ("M", "C", "H", "W")),
    "class_means/classes": ("iu", ("M",)),
    "interpolations/images": ("f", ("I", "C", "H", "W")),
    "interpolations/classes": ("iu", (2,)),
    "altered_latents/images": ("f", (5, "C", "H", "W")),
    "inference/steps": ("iu", ("S",)),
    "inference/mse": ("f", ("S",)),
    "latent_map/mds": ("f", ("N", 3)),
    "latent_map/unit_mds": ("f", ("N", 3)),
    "latent_map/tsne": ("f", ("N", 2)),
    MAP_LABELS: ("iu", ("N",)),
    MAP_QUALITY: ("f", (len(MAP_LAYOUTS), len(MAP_NUMBERS))),
    "latent_plane/points": ("f", ("P", 2)),
    "latent_plane/labels": ("iu", ("P",)),
    "layers/kernels": ("f", ("F", "I", "h", "w")),
    "layers/image": ("f", ("C", "H", "W")),
    "layers/maps": ("f", ("R", "O", "H", "W")),
    "layers/sizes": ("iu", ("R", 3)),
    "labels": ("iu", ("P",)),
    "fitted/drawn": ("f", ("K", "S", "C", "H", "W")),
    "fitted/real": ("f", ("K", "S", "C", "H", "W")),
    "corrupted/clean": ("f", ("T", "C", "H", "W")),
    "corrupted/shown": ("f", ("T", "C", "H", "W")),
    "pca/points": ("f", ("P", 2)),
    "pca/quality": ("f", (3,)),
    "tsne/points": ("f", ("P", 2)),
    "tsne/quality": ("f", (3,)),
    "samples/images": ("f", ("M", "C", "H", "W")),
    "samples/real": ("f", ("M", "C", "H", "W")),
    "samples/along_steps": ("iu", ("S",)),
    "samples/points": ("f", ("P", "d")),
    "samples/real_points": ("f", ("P", "d")),
}
EXTENT = "decision_map/extent"
MOST_IN_MAP = 2_000
"""Examples of a map of latents, each of which the page holds and draws anew as it is turned."""
_MAP_ENDS = np.array([[-1.0, 0.0, 0.0], [1.0, 1.0, LARGEST]])
"""Least and largest value of each of MAP_NUMBERS."""
MOST_CLASSES = 4_096
_CLASSES = {
    *("decision_map/rule", "decision_map/bayes", "features/labels", "latent_plane/labels"),
    MAP_LABELS,
    *("reconstructions/labels", "traversals/latents", "class_means/classes", "labels"),
}
"""Arrays of classes, or of latents by number: a picture has a colour or a row for each."""
MOST_LENGTH, MOST_POINTS = 1_024, 16_384
"""Along an axis: of what is drawn one by one, with a label each, and of anything else."""
_LONG = ("N", "P", "G", "C", "H", "W", "h", "w", "d")
_OF_LAW = ("labels", "pca", "tsne")
"""Of the same examples: one exhibit."""


def exhibit_ids(folder: Path) -> set[str]:
    """The trials that have a file in a study's folder."""
    stems = {path.stem for path in (folder / FOLDER).glob("*.npz")}
    return {stem for stem in stems if not stem.startswith(LAW_PREFIX)}


def law_exhibit_ids(folder: Path) -> set[str]:
    """The laws that have a file there, as `study.trials.exhibits.law_exhibit` names them."""
    return {path.stem for path in (folder / FOLDER).glob(f"{LAW_PREFIX}*.npz")}


def read_exhibits(
    folder: Path, trial_ids: Iterable[str], only: str | None = None
) -> tuple[dict[str, Arrays], list[str]]:
    """The exhibits of some trials or laws, and a line for each file that cannot be used.

    Args:
        folder: the study's.
        trial_ids: of `exhibit_ids`, or of `law_exhibit_ids`; all of a large study's trials are
            gigabytes.
        only: the key that is read; None: all of them.
    """
    found: dict[str, Arrays] = {}
    skipped, left = [], MOST_BYTES
    for trial_id in trial_ids:
        try:
            path = folder / FOLDER / f"{trial_id}.npz"
            found[trial_id] = read_exhibit(path, only, most=left)
            left -= num_bytes(found[trial_id])
        except TableError as error:
            skipped.append(str(error))
    return found, skipped


def read_exhibit(path: Path, only: str | None = None, *, most: int = MAX_BYTES) -> Arrays:
    """The arrays of one file by key.

    Args:
        path: of the file.
        only: the key that is read; None: all of them.
        most: bytes that there is room for; above MAX_BYTES it makes no difference.

    Raises:
        TableError: one line, where it is missing, too large or damaged, or where an array is of
            another dtype or shape than its key says, or holds what is no finite number.
    """
    arrays = read_arrays(path, only, most=most)
    lengths: dict[str, dict[str, int]] = defaultdict(dict)
    for key, array in arrays.items():
        name = key.partition("/")[0]
        _check_form(key, array, lengths["law" if name in _OF_LAW else name], path)
    return arrays


def read_arrays(path: Path, only: str | None = None, *, most: int = MAX_BYTES) -> Arrays:
    """The arrays of a file by key, whatever they are; arguments as of `read_exhibit`.

    Raises:
        TableError: one line, where it is missing, too large or damaged.
    """
    try:
        packed = io.BytesIO(read_bytes(path, MAX_BYTES))
        with zipfile.ZipFile(packed) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES // 2**20} MB")
        if size > most:
            raise ValueError(f"others of its folder take all of {MOST_BYTES // 2**20} MB")
        with np.load(packed, allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files if only in (None, name)}
        if odd := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
            raise ValueError(f"{odd[0]} is no array")
    except Exception as error:  # zipfile and numpy raise whatever they meet in a damaged file
        raise TableError(f"{path} cannot be read as npz: {error}") from None
    return arrays


def num_bytes(arrays: Arrays) -> int:
    """What arrays take, unpacked."""
    return sum(array.nbytes for array in arrays.values())


def _check_form(key: str, array: Array, lengths: dict[str, int], path: Path) -> None:
    """Refuses an array of a wrong form; notes the lengths that its exhibit's have in common."""
    kinds, shape = _FORMS.get(key, ("biuf", array.shape))
    if array.dtype.kind not in kinds:
        raise TableError(f"{path}: {key} is of type {array.dtype}")
    fits = array.ndim == len(shape) and all(
        size == (lengths.setdefault(length, size) if isinstance(length, str) else length)
        for length, size in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = "(" + ", ".join(map(str, shape)) + ")"
        raise TableError(f"{path}: {key} is of shape {array.shape}, not {wanted}")
    for length, size in zip(shape, array.shape, strict=True):
        most = MOST_POINTS if length in _LONG or isinstance(length, int) else MOST_LENGTH
        if size > most:
            raise TableError(f"{path}: {key} is of shape {array.shape}: {size} is above {most}")
    wide = array.astype(np.float64)
    if key not in _MAY_BE_UNKNOWN and not np.isfinite(wide).all():
        raise TableError(f"{path}: {key} holds what is no finite number")
    if wide.size and np.nanmax(np.abs(wide), initial=0.0) > LARGEST:
        raise TableError(f"{path}: {key} holds what is not within {LARGEST:g} of 0")
    if key in _CLASSES and wide.size and not 0 <= wide.min() <= wide.max() < MOST_CLASSES:
        raise TableError(f"{path}: {key} holds what is none of {MOST_CLASSES} classes at most")
    if key == MAP_LABELS and not 0 < len(array) <= MOST_IN_MAP:
        raise TableError(f"{path}: {key} holds {len(array)} examples, not 1 to {MOST_IN_MAP}")
    if key == MAP_QUALITY and ((wide < _MAP_ENDS[0]) | (wide > _MAP_ENDS[1])).any():
        raise TableError(f"{path}: {key} holds what is none of {', '.join(MAP_NUMBERS)}")
    if key == EXTENT and not (wide[0] < wide[1] and wide[2] < wide[3]):
        raise TableError(f"{path}: {key} holds {array.tolist()}, which is no square")


def cka_matrix(grams: Sequence[Array]) -> Array:
    """Linear centred kernel alignment (M, M) of M feature spaces: <G, H> / (|G| |H|).

    1 for spaces that are equal up to rotation and scale (Kornblith et al. 2019, "Similarity of
    Neural Network Representations Revisited", equation 4). Of grams centred without bias (Song et
    al. 2012), as exhibits hold them, it is near 0 for spaces that have nothing in common, and may
    fall below. NaN where a space is constant, or two
    are of different numbers of examples.

    Args:
        grams: centred Gram matrices, each (N, N), of the same N examples.
    """
    found = np.full((len(grams), len(grams)), np.nan)
    wide = [gram.astype(np.float64) for gram in grams]
    norms = [float(np.linalg.norm(gram)) for gram in wide]
    for i, j in np.ndindex(found.shape):
        scale = norms[i] * norms[j]
        if wide[i].shape == wide[j].shape and 0 < scale < np.inf:
            found[i, j] = np.vdot(wide[i], wide[j]) / scale
    return found
