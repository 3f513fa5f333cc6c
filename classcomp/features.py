"""What a network has learned: filters, activations, feature spaces, and how alike they are.

One module for every family: layers go by the names PyTorch gives them and are read by hooks.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, smacof
from sklearn.metrics import pairwise_distances
from torch import Tensor, nn

from classcomp.models.base import Classifier

PROJECTIONS = ("pca", "tsne", "mds")
PERPLEXITY = 30.0  # of t-SNE, van der Maaten and Hinton's (2008) middle of 5 to 50
_MIN_EXAMPLES = 4  # the unbiased estimate of CKA divides by n - 3

Features = Tensor | np.ndarray


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureComparison:
    """Feature spaces side by side, as plain arrays.

    Attributes:
        names: M spaces.
        cka: `(M, M)` linear CKA.
        points: `(N, 2)` projection of each space, by name.
        labels: `(N,)` classes of the examples.
        method: of the projection.
    """

    names: tuple[str, ...]
    cka: np.ndarray
    points: Mapping[str, np.ndarray]
    labels: np.ndarray
    method: str


def layer_names(model: Classifier, inputs: Tensor) -> tuple[str, ...]:
    """Return the layers that `inputs` `(B, ...)` pass, in the order in which they are done.

    A layer is a module that is called: one that only holds others is none, nor one whose owner
    goes around it to its parts.
    """
    return tuple(_listen(model, inputs, _modules(model)))


def activations(model: Classifier, inputs: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """Return what each layer gives for `inputs` `(B, ...)`, in evaluation mode, as copies.

    The model is left as it was, its hooks and modes included, even where it raises. A layer
    that is passed twice gives its last value.

    Raises:
        ValueError: a layer is none of `layer_names`.
    """
    modules = _modules(model)
    heard = _listen(model, inputs, {name: modules[name] for name in layers if name in modules})
    for layer in layers:
        if layer not in heard:
            allowed = ", ".join(layer_names(model, inputs))
            raise ValueError(f"layer = {layer!r}: must be one of {allowed}")
    return {layer: heard[layer] for layer in layers}


def filters(model: Classifier, layer: str) -> Tensor:
    """Return a copy of a layer's weights: `(out, in, h, w)` of a convolution, else `(out, in)`.

    Raises:
        ValueError: there is no such layer, or it has no weights that mix its inputs.
    """
    weights = {
        name: module.weight.detach().clone()
        for name, module in _modules(model).items()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }
    if layer not in weights:
        raise ValueError(f"layer = {layer!r}: must be one of {', '.join(weights)}")
    return weights[layer]


def project(features: Features, method: str = "pca", seed: int = 0) -> np.ndarray:
    """Lay features `(N, ...)` out in the plane, `(N, 2)` float64.

    "pca": the first two principal components. "mds": least squares on distances (metric MDS by
    SMACOF, de Leeuw 1977), started from them, hence no draws. "tsne": van der Maaten and Hinton
    (2008), started from them too; `seed` fixes what the approximation draws.

    Raises:
        ValueError: the method is unknown, or there are too few examples or coordinates.
    """
    matrix = _matrix(features)
    if min(matrix.shape) < 2:
        raise ValueError(f"features of shape {matrix.shape}: need 2 examples and 2 coordinates")
    if method not in PROJECTIONS:
        raise ValueError(f"method = {method!r}: must be one of {', '.join(PROJECTIONS)}")
    if method == "tsne":
        perplexity = min(PERPLEXITY, (len(matrix) - 1) / 3)
        return TSNE(perplexity=perplexity, random_state=seed).fit_transform(matrix).astype(float)
    start = PCA(n_components=2, svd_solver="full").fit_transform(matrix)
    if method == "pca":
        return start
    return smacof(pairwise_distances(matrix), init=start, n_init=1)[0]


def linear_cka(first: Features, second: Features, *, unbiased: bool = True) -> float:
    """Return the linear CKA of two feature spaces `(N, ...)` of the same N examples.

    HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with K = X X', L = Y Y': Kornblith et al. (2019),
    eq. 4. Theirs (`unbiased=False`) is |Y'X|^2 / (|X'X| |Y'Y|) of centred features, in [0, 1];
    with more coordinates than examples it nears 1 for spaces that have nothing in common. The
    unbiased estimates of HSIC (Song et al. 2012) centre on 0 there, and may fall below.
    Either is 1 for spaces equal up to rotation and scale, and nan where one is constant.

    Raises:
        ValueError: fewer than 4 examples, or not the same number in both.
    """
    return float(cka_matrix({"first": first, "second": second}, unbiased=unbiased)[0, 1])


def cka_matrix(features: Mapping[str, Features], *, unbiased: bool = True) -> np.ndarray:
    """Return `linear_cka` of each pair of M feature spaces, `(M, M)`, in the mapping's order.

    Raises:
        ValueError: as `linear_cka`.
    """
    matrices = [_matrix(space) for space in features.values()]
    sizes = {len(matrix) for matrix in matrices}
    if len(sizes) != 1 or min(sizes) < _MIN_EXAMPLES:
        found = ", ".join(map(str, sorted(sizes)))
        raise ValueError(
            f"features of {found} examples: need the same {_MIN_EXAMPLES} or more in each space"
        )
    grams = np.stack([_centred_gram(matrix, unbiased).ravel() for matrix in matrices])
    norms = np.linalg.norm(grams, axis=1)
    norms[norms == 0] = np.nan
    return (grams @ grams.T) / np.outer(norms, norms)


def compare(
    features: Mapping[str, Features], labels: Features, *, method: str = "pca", seed: int = 0
) -> FeatureComparison:
    """Compare feature spaces `(N, ...)` of the same examples, whose classes are `labels` `(N,)`.

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


def _modules(model: nn.Module) -> dict[str, nn.Module]:
    return {name: module for name, module in model.named_modules() if name}


def _listen(
    model: Classifier, inputs: Tensor, modules: Mapping[str, nn.Module]
) -> dict[str, Tensor]:
    """Outputs of those modules that `inputs` pass, in the order in which they are done."""
    heard: dict[str, Tensor] = {}

    def hear(name: str) -> Any:
        def hook(module: nn.Module, arguments: Any, output: Tensor) -> None:
            heard.pop(name, None)
            heard[name] = output.detach().clone()  # the layer after it may work in place

        return hook

    modes = {module: module.training for module in model.modules()}
    with ExitStack() as stack, torch.no_grad():
        for name, module in modules.items():
            stack.enter_context(module.register_forward_hook(hear(name)))
        try:
            model.eval()
            model.pass_through(inputs)
        finally:
            for module, mode in modes.items():
                module.training = mode
    return heard


def _matrix(features: Features) -> np.ndarray:
    """`(N, F)` float64, moved so that the first example is 0: constant columns become exactly 0."""
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
    if not unbiased:
        rows = gram.mean(axis=0)
        return gram - rows - rows[:, None] + rows.mean()
    np.fill_diagonal(gram, 0)
    rows = gram.sum(axis=0) / (num - 2)
    centred = gram - rows - rows[:, None] + gram.sum() / ((num - 1) * (num - 2))
    np.fill_diagonal(centred, 0)
    return centred
