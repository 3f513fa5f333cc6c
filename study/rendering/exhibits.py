"""Which exhibits a page shows, and how each kind of them is drawn and told in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from study.analysis.columns import PLANE_NUMBERS
from study.analysis.exhibits import MAP_LABELS, MAP_QUALITY, Array, Arrays, cka_matrix
from study.analysis.frames import Row
from study.rendering.confusion import Confusions, confusion_words, confusions, draw_confusions
from study.rendering.decision_maps import (
    DecisionMaps,
    decision_maps,
    decision_words,
    draw_decision_maps,
)
from study.rendering.feature_spaces import (
    FeatureSpaces,
    Similarities,
    draw_feature_spaces,
    draw_similarities,
    feature_spaces,
    feature_words,
    similarities,
    similarity_words,
)
from study.rendering.image_sheets import Held, Sheets, draw_sheets, sheet_words
from study.rendering.inference import draw_searches, search_words, searches
from study.rendering.latent_maps import (
    LatentMaps,
    draw_latent_maps,
    latent_maps,
    map_scenes,
    map_words,
)
from study.rendering.latents import (
    ORIGINALS,
    altered_sheets,
    class_mean_sheets,
    filter_sheets,
    interpolation_sheets,
    plane_sheets,
    reconstruction_sheets,
    response_sheets,
    traversal_sheets,
)
from study.rendering.robustness import corrupted_sheets
from study.rendering.samples import (
    REAL,
    along_sheets,
    draw_point_clouds,
    fitted_sheets,
    point_clouds,
    point_words,
    sample_sheets,
)
from study.rendering.scenes import Scenes
from study.rendering.units import UNKNOWN
from study.rendering.words import network_words, size_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REFERENCES = {"pca": "PCA", "tsne": "t-SNE"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A trial, its exhibits, its law's, corrupted images by corruption, names of classes.

    And what the Bayes rule decides (K, K), by true class, None where it is unknown; and images of
    the law.
    """

    row: Row
    arrays: Arrays
    law: Arrays = field(default_factory=dict)
    corrupted: Held = field(default_factory=dict)
    class_names: Mapping[int, str] = field(default_factory=dict)
    bayes: Array | None = None
    samples: Arrays = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Of its panel."""
        return network_words(self.row)

    def holds(self, key: str) -> bool:
        """Whether there is anything to draw under a key."""
        return key in self.arrays and self.arrays[key].size > 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of picture.

    Attributes:
        name: in the file's name.
        what: in the title.
        needs: the arrays that a trial's exhibits must hold.
        info: from a title and such trials to what is drawn; None: they are too few.
        draw: from that to a figure.
        words: from that to a text.
        scenes: from that to what the reader turns; None: it is a figure alone.
        heading: of study.rendering.pictures, under which it is shown.
    """

    name: str
    what: str
    needs: tuple[str, ...]
    info: Callable[[str, Sequence[Shown]], Any]
    draw: Callable[[Any], Figure]
    words: Callable[[Any], str]
    scenes: Callable[[Any], Scenes] | None = None
    heading: str = "exhibits"


def _confusions(title: str, shown: Sequence[Shown]) -> Confusions:
    """Of the Bayes rule first, where the law is known, then the families'."""
    known = {"Bayes rule": shown[0].bayes} if shown[0].bayes is not None else {}
    counts = {one.label: one.arrays["confusion/counts"] for one in shown}
    return confusions(title, {**known, **counts}, shown[0].class_names)


def _decision_maps(title: str, shown: Sequence[Shown]) -> DecisionMaps:
    names = ("rule", "bayes", "extent")
    return decision_maps(
        title,
        {one.label: {name: one.arrays[f"decision_map/{name}"] for name in names} for one in shown},
    )


def _feature_spaces(title: str, shown: Sequence[Shown]) -> FeatureSpaces:
    spaces = {
        one.label: (one.arrays["features/points"], one.arrays["features/labels"]) for one in shown
    }
    return feature_spaces(title, spaces)


def _similarities(title: str, shown: Sequence[Shown]) -> Similarities | None:
    """Compare the families of each depth, and k, at which there are two or more."""
    sizes: dict[str, list[Shown]] = defaultdict(list)
    for one in shown:
        sizes[size_words(one.row)].append(one)
    matrices = {
        f"depth {size}": (
            [one.row["family"] for one in mine],
            cka_matrix([one.arrays["features/gram"] for one in mine]),
        )
        for size, mine in sizes.items()
        if len(mine) > 1
    }
    return similarities(title, matrices) if matrices else None


def _latent_planes(title: str, shown: Sequence[Shown]) -> FeatureSpaces:
    """Planes of latents, then what their law has beside them."""
    spaces = {}
    for one in shown:
        label = f"{one.label}\n{_quality_words([one.row.get(name) for name in PLANE_NUMBERS])}"
        points = one.arrays["latent_plane/points"]
        spaces[label] = (points, one.arrays["latent_plane/labels"])
    law = shown[0].law
    for method, name in REFERENCES.items():
        if {f"{method}/points", f"{method}/quality", "labels"} <= law.keys():
            label = f"{name}\n{_quality_words(law[f'{method}/quality'].tolist())}"
            spaces[label] = (law[f"{method}/points"], law["labels"])
    return feature_spaces(title, spaces)


def _latent_maps(title: str, shown: Sequence[Shown]) -> LatentMaps:
    return latent_maps(title, {one.label: one.arrays for one in shown}, shown[0].class_names)


def _corrupted(title: str, shown: Sequence[Shown]) -> Sheets | None:
    return corrupted_sheets(title, shown[0].corrupted)


def _fitted(title: str, shown: Sequence[Shown]) -> Sheets | None:
    return fitted_sheets(title, shown[0].samples, shown[0].class_names)


def _quality_words(numbers: Sequence[float | None]) -> str:
    said = [UNKNOWN if number is None else f"{number:.2f}" for number in numbers]
    return "k-NN {}, T {}, C {}".format(*said)


def _of_held(info: Callable[[str, Held], Any]) -> Callable[[str, Sequence[Shown]], Any]:
    return lambda title, shown: info(title, {one.label: one.arrays for one in shown})


def _sheet_kind(
    name: str, what: str, needs: tuple[str, ...], info: Callable[[str, Held], Sheets | None]
) -> Kind:
    return Kind(
        name=name,
        what=what,
        needs=needs,
        info=_of_held(info),
        draw=draw_sheets,
        words=sheet_words,
    )


KINDS = (
    Kind(
        name="confusion",
        what="confusion matrices",
        needs=("confusion/counts",),
        info=_confusions,
        draw=draw_confusions,
        words=confusion_words,
    ),
    Kind(
        name="fitted",
        what="images of the law beside real ones",
        needs=(),
        info=_fitted,
        draw=draw_sheets,
        words=sheet_words,
    ),
    Kind(
        name="decision_map",
        what="decision maps",
        needs=("decision_map/rule", "decision_map/bayes", "decision_map/extent"),
        info=_decision_maps,
        draw=draw_decision_maps,
        words=decision_words,
    ),
    Kind(
        name="features",
        what="feature spaces",
        needs=("features/points", "features/labels"),
        info=_feature_spaces,
        draw=draw_feature_spaces,
        words=feature_words,
    ),
    Kind(
        name="cka",
        what="linear CKA of feature spaces",
        needs=("features/gram",),
        info=_similarities,
        draw=draw_similarities,
        words=similarity_words,
    ),
    Kind(
        name="latent_map",
        what="maps of latents",
        needs=("latent_map/mds", "latent_map/tsne", MAP_LABELS, MAP_QUALITY),
        info=_latent_maps,
        draw=draw_latent_maps,
        words=map_words,
        scenes=map_scenes,
    ),
    Kind(
        name="latent_plane",
        what="planes of two latents beside PCA and t-SNE",
        needs=("latent_plane/points", "latent_plane/labels"),
        info=_latent_planes,
        draw=draw_feature_spaces,
        words=feature_words,
    ),
    Kind(
        name="corrupted",
        what="corrupted training images",
        needs=(),
        info=_corrupted,
        draw=draw_sheets,
        words=sheet_words,
        heading="corrupted",
    ),
    _sheet_kind(
        "reconstructions",
        "reconstructions",
        (ORIGINALS, "reconstructions/decoded", "reconstructions/labels"),
        reconstruction_sheets,
    ),
    _sheet_kind(
        "traversals",
        "traversals along a latent",
        ("traversals/images", "traversals/latents", "traversals/values", ORIGINALS),
        traversal_sheets,
    ),
    _sheet_kind(
        "plane",
        "traversals over two latents",
        ("traversals/plane", "traversals/plane_values", ORIGINALS),
        plane_sheets,
    ),
    _sheet_kind(
        "class_means",
        "decoded means of classes",
        ("class_means/images", "class_means/classes", ORIGINALS),
        class_mean_sheets,
    ),
    _sheet_kind(
        "interpolations",
        "between two classes",
        ("interpolations/images", "interpolations/classes", ORIGINALS),
        interpolation_sheets,
    ),
    _sheet_kind(
        "altered_latents",
        "altered latents",
        ("altered_latents/images", ORIGINALS),
        altered_sheets,
    ),
    Kind(
        name="inference",
        what="error against steps of inference",
        needs=("inference/steps", "inference/mse"),
        info=_of_held(searches),
        draw=draw_searches,
        words=search_words,
    ),
    _sheet_kind("filters", "filters", ("layers/kernels",), filter_sheets),
    _sheet_kind(
        "responses",
        "responses of layers",
        ("layers/maps", "layers/image", "layers/sizes"),
        response_sheets,
    ),
    _sheet_kind("samples", "samples", ("samples/images", REAL), sample_sheets),
    _sheet_kind(
        "along",
        "samples while training",
        ("samples/along", "samples/along_steps", REAL),
        along_sheets,
    ),
    Kind(
        name="points",
        what="samples",
        needs=("samples/points", "samples/real_points"),
        info=_of_held(point_clouds),
        draw=draw_point_clouds,
        words=point_words,
    ),
)
