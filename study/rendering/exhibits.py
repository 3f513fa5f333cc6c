"""Which exhibits a page shows, and how each kind of them is drawn and told in words."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from study.analysis.exhibits import Arrays, cka_matrix
from study.analysis.frames import Row
from study.rendering.confusion import Confusions, confusion_words, confusions, draw_confusions
from study.rendering.decision_maps import (
    DecisionMaps,
    decision_maps,
    decision_words,
    draw_decision_maps,
)
from study.rendering.faults import plainest
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
from study.rendering.samples import (
    draw_samples,
    sample_grids,
    sample_points,
    sample_words,
    samples_along,
)
from study.rendering.words import damage_words

MAX_PICTURES = 12
MAX_PANELS = 24
ALONG = ("samples/along", "samples/along_steps", "samples/real")


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A trial and its exhibits."""

    row: Row
    arrays: Arrays

    @property
    def label(self) -> str:
        """Of its panel."""
        return f"{self.row['family']} {self.row['depth']}"

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
    """

    name: str
    what: str
    needs: tuple[str, ...]
    info: Callable[[str, Sequence[Shown]], Any]
    draw: Callable[[Any], Figure]
    words: Callable[[Any], str]


def _confusions(title: str, shown: Sequence[Shown]) -> Confusions:
    return confusions(title, {one.label: one.arrays["confusion/counts"] for one in shown})


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
    """Compare the families of each depth at which there are two or more."""
    depths: dict[int, list[Shown]] = defaultdict(list)
    for one in shown:
        depths[one.row["depth"]].append(one)
    matrices = {
        f"depth {depth}": (
            [one.row["family"] for one in mine],
            cka_matrix([one.arrays["features/gram"] for one in mine]),
        )
        for depth, mine in sorted(depths.items())
        if len(mine) > 1
    }
    return similarities(title, matrices) if matrices else None


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
    *(
        Kind(name=name, what=what, needs=needs, info=info, draw=draw_samples, words=sample_words)
        for name, what, needs, info in (
            ("samples", "samples", ("samples/images", "samples/real"), sample_grids),
            ("along", "samples while training", ALONG, samples_along),
            ("points", "samples", ("samples/points", "samples/real_points"), sample_points),
        )
    ),
)


def shown_trials(measured: Iterable[Row], present: Container[str]) -> list[Row]:
    """Choose whose exhibits are shown, MAX_PANELS of a population at most.

    Of every population the least distorted cells at the largest n, and of every family and depth
    the first seed.

    Args:
        measured: rows of the measuring trials.
        present: the trials that have exhibits.
    """
    populations: dict[str, list[Row]] = defaultdict(list)
    for row in measured:
        if row["status"] == "done" and row["trial_id"] in present:
            populations[row["population"]].append(row)
    chosen = []
    for _, rows in sorted(populations.items()):
        first: dict[tuple[str, int], Row] = {}
        for row in sorted(plainest(rows), key=lambda r: (r["family"], r["depth"], r["seed"])):
            first.setdefault((row["family"], row["depth"]), row)
        chosen += list(first.values())[:MAX_PANELS]
    return chosen


def shown_exhibits(trials: Iterable[Row], exhibits: Mapping[str, Arrays]) -> list[tuple[Kind, Any]]:
    """Return what to draw: each kind with its info, by population, MAX_PICTURES at most.

    Args:
        trials: of `shown_trials`.
        exhibits: by trial.
    """
    populations: dict[str, list[Shown]] = defaultdict(list)
    for row in trials:
        if row["trial_id"] in exhibits:
            populations[row["population"]].append(Shown(row=row, arrays=exhibits[row["trial_id"]]))
    found = []
    for population, shown in populations.items():
        where = f"{damage_words(shown[0].row)}, n = {shown[0].row['num_train']}"
        for kind in KINDS:
            able = [one for one in shown if all(one.holds(key) for key in kind.needs)]
            title = f"{population}: {kind.what}, {where}"
            info = kind.info(title, able) if able else None
            if info is not None:
                found.append((kind, info))
    return found[:MAX_PICTURES]
