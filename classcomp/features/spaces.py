"""Feature spaces, and how alike they are."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int
from torch import Tensor

PROJECTIONS = ("pca", "tsne", "mds")
PERPLEXITY = 30.0  # of t-SNE, van der Maaten and Hinton's (2008) middle of 5 to 50
_MIN_EXAMPLES = 4  # the unbiased estimate of CKA divides by n - 3
_SMACOF = {"max_iter": 1_000, "eps": 1e-7}  # eps: least fall of stress a step, over sum d^2

Features = Float[Tensor, "n ..."] | Float[np.ndarray, "n ..."]
Labels = Int[Tensor, " n"] | Int[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureComparison:
    """Feature spaces side by side, as plain arrays.

    Attributes:
        names: of the spaces.
        cka: linear CKA.
        points: projection of each space, by name.
        labels: classes of the examples.
        method: of the projection.
    """

    names: tuple[str, ...]
    cka: Float64[np.ndarray, "spaces spaces"]
    points: Mapping[str, Float64[np.ndarray, "n 2"]]
    labels: Int[np.ndarray, " n"]
    method: str


def project(
    features: Features, method: str = "pca", seed: int = 0, num_dims: int = 2
) -> Float64[np.ndarray, "n dims"]:
    """Lay features out in the plane, or in `num_dims` dimensions.

    "pca": the first principal components; 0 where there are fewer. "mds": least squares on
    distances (metric MDS by SMACOF, de Leeuw 1977), started from them, hence no draws. "tsne": van
    der Maaten and Hinton (2008), started from them too; `seed` fixes what the approximation draws.

    Raises:
        ValueError: the method is unknown, or there are too few examples or coordinates.
    """
    matrix = as_matrix(features)
    if min(matrix.shape) < 2:
        raise ValueError(f"features of shape {matrix.shape}: need 2 examples and 2 coordinates")
    if method not in PROJECTIONS:
        raise ValueError(f"method = {method!r}: must be one of {', '.join(PROJECTIONS)}")
    points = _principal_components(matrix, num_dims)
    if method == "pca":
        return points
    # Here: scikit-learn takes a second to import, and every first seed's exhibits need "pca".
    from sklearn.manifold import TSNE, smacof
    from sklearn.metrics import pairwise_distances

    if method == "mds":
        found = smacof(pairwise_distances(matrix), init=points, n_init=1, **_SMACOF)[0]
    else:
        perplexity = min(PERPLEXITY, (len(matrix) - 1) / 3)
        tsne = TSNE(num_dims, perplexity=perplexity, random_state=seed)
        found = tsne.fit_transform(matrix)
    return np.asarray(found, dtype=np.float64)


def _principal_components(
    matrix: Float64[np.ndarray, "n features"], num_dims: int
) -> Float64[np.ndarray, "n dims"]:
    """The first ones; their largest loadings are positive."""
    left, scale, right = np.linalg.svd(matrix - matrix.mean(axis=0), full_matrices=False)
    loadings = right[:num_dims]
    signs = np.sign(loadings[np.arange(len(loadings)), np.abs(loadings).argmax(axis=1)])
    points = left[:, :num_dims] * scale[:num_dims] * signs
    return np.pad(points, ((0, 0), (0, num_dims - points.shape[1])))


def linear_cka(first: Features, second: Features, *, unbiased: bool = True) -> float:
    """Return the linear CKA of two feature spaces of the same examples.

    HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with K = X X', L = Y Y': Kornblith et al. (2019),
    eq. 4. Theirs (`unbiased=False`) is |Y'X|^2 / (|X'X| |Y'Y|) of centred features, in [0, 1];
    with more coordinates than examples it nears 1 for spaces that have nothing in common. The
    unbiased estimates of HSIC (Song et al. 2012) centre on 0 there, and may fall below.
    Either is 1 for spaces equal up to rotation and scale, and nan where one is constant.

    Raises:
        ValueError: fewer than 4 examples, or not the same number in both.
    """
    return float(cka_matrix({"first": first, "second": second}, unbiased=unbiased)[0, 1])


def cka_matrix(
    features: Mapping[str, Features], *, unbiased: bool = True
) -> Float64[np.ndarray, "spaces spaces"]:
    """Return `linear_cka` of each pair of feature spaces, in the mapping's order.

    Raises:
        ValueError: as `linear_cka`.
    """
    sizes = {len(space) for space in features.values()}
    if len(sizes) != 1 or min(sizes) < _MIN_EXAMPLES:
        found = ", ".join(map(str, sorted(sizes)))
        raise ValueError(
            f"features of {found} examples: need the same {_MIN_EXAMPLES} or more in each space"
        )
    grams = [unit_gram(space, unbiased=unbiased).ravel() for space in features.values()]
    cka: np.ndarray = np.stack(grams) @ np.stack(grams).T
    return cka


def unit_gram(features: Features, *, unbiased: bool = True) -> Float64[np.ndarray, "n n"]:
    """Return the centred Gram matrix of features, scaled to norm 1.

    The inner product of two of them is the linear CKA of their spaces. All entries are nan where
    the features are constant.
    """
    gram = _centred_gram(as_matrix(features), unbiased)
    norm = np.linalg.norm(gram)
    return gram / (norm if norm > 0 else np.nan)


def compare(
    features: Mapping[str, Features], labels: Labels, *, method: str = "pca", seed: int = 0
) -> FeatureComparison:
    """Compare feature spaces of the same examples, whose classes are `labels`.

    Raises:
        ValueError: as `cka_matrix` and `project`.
    """
    return FeatureComparison(
        names=tuple(features),
        cka=cka_matrix(features),
        points={name: project(space, method, seed) for name, space in features.items()},
        labels=np.asarray(labels),
        method=method,
    )


def as_matrix(features: Features) -> np.ndarray:
    """Return features `(N, F)` in float64, the first example moved to 0.

    Constant columns become exactly 0.
    """
    values = features.detach().cpu().numpy() if isinstance(features, Tensor) else features
    matrix = np.asarray(values, dtype=np.float64)
    matrix = matrix.reshape(len(matrix), -1)
    return matrix - matrix[:1]


def _centred_gram(matrix: np.ndarray, unbiased: bool) -> np.ndarray:
    """`(N, N)`; inner products of two such matrices are HSIC up to a factor.

    Biased: rows and columns add up to 0. Unbiased: so they do, with a diagonal of 0 (Szekely and
    Rizzo 2014), which gives the estimator of Song et al. (2012).
    """
    gram = matrix @ matrix.T
    num = len(gram)
    centred: np.ndarray
    if not unbiased:
        rows = gram.mean(axis=0)
        centred = gram - rows - rows[:, None] + rows.mean()
        return centred
    np.fill_diagonal(gram, 0)
    rows = gram.sum(axis=0) / (num - 2)
    centred = gram - rows - rows[:, None] + gram.sum() / ((num - 1) * (num - 2))
    np.fill_diagonal(centred, 0)
    return centred
