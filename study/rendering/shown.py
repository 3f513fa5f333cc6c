"""Whose exhibits are shown, and in which pictures."""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from typing import Any

from study.analysis.exhibits import Arrays
from study.analysis.faults import plainest, shape_of
from study.analysis.frames import Row
from study.rendering.exhibits import KINDS, Kind, Shown
from study.rendering.image_sheets import Array, Held
from study.rendering.words import damage_words
from study.trials.exhibits import corruption_exhibit, law_exhibit, samples_exhibit
from study.trials.trial import CORRUPTIONS, cell_of

MAX_PICTURES = 24
MAX_PANELS = 24
MISSING_PIXELS = "missing_pixels"
SEEN = "reconstructions/seen"
"""What a model was shown: exhibits that have it are worth looking at where most is hidden."""


def shown_trials(measured: Iterable[Row], present: Container[str]) -> list[Row]:
    """Choose whose exhibits are shown, MAX_PANELS of a population at most.

    Of every population the least distorted cells at the largest n, and of every family, depth
    and k the first seed; then, where pixels are missing, the same of the largest share of them.

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
        plain = plainest(rows)
        chosen += _first_seeds(plain)
        gappy = [row for row in rows if row["distortion"] == MISSING_PIXELS and row not in plain]
        if gappy:
            most = max(row["severity"] for row in gappy)
            chosen += _first_seeds(plainest([r for r in gappy if r["severity"] == most]))
    return chosen


def _first_seeds(rows: Iterable[Row]) -> list[Row]:
    first: dict[tuple[object, ...], Row] = {}
    for row in sorted(rows, key=lambda row: (*shape_of(row), row["seed"])):
        first.setdefault(shape_of(row), row)
    return list(first.values())[:MAX_PANELS]


def _shown(
    row: Row,
    exhibits: Held,
    laws: Held,
    class_names: Mapping[int, str],
    bayes: Mapping[str, Array],
) -> Shown:
    cell = cell_of(row)
    names = {kind: corruption_exhibit(cell, kind) for kind in sorted(CORRUPTIONS)}
    return Shown(
        row=row,
        arrays=exhibits[row["trial_id"]],
        law=laws.get(law_exhibit(cell), {}),
        corrupted={kind: laws[name] for kind, name in names.items() if name in laws},
        class_names=class_names,
        bayes=bayes.get(law_exhibit(cell)),
        samples=laws.get(samples_exhibit(cell), {}),
    )


def shown_exhibits(
    trials: Iterable[Row],
    exhibits: Mapping[str, Arrays],
    laws: Mapping[str, Arrays] | None = None,
    class_names: Mapping[str, Mapping[int, str]] | None = None,
    bayes: Mapping[str, Array] | None = None,
) -> list[tuple[Kind, Any, tuple[str, ...]]]:
    """Return what to draw: a kind, its info and the trials shown, MAX_PICTURES at most.

    Of a population's second damage, where pixels are missing, only what shows what was seen.

    Args:
        trials: of `shown_trials`.
        exhibits: by trial.
        laws: the exhibits of laws by name.
        class_names: those of classes that have one, by population and class.
        bayes: what the Bayes rules decide, as of `bayes_confusion`, by the exhibit of their law.
    """
    groups: dict[tuple[str, str], list[Shown]] = defaultdict(list)
    for row in trials:
        if row["trial_id"] in exhibits:
            names = (class_names or {}).get(row["population"], {})
            groups[row["population"], damage_words(row)].append(
                _shown(row, exhibits, laws or {}, names, bayes or {})
            )
    found, begun = [], set()
    for (population, damage), shown in groups.items():
        where = f"{damage}, n = {shown[0].row['num_train']}"
        more = () if population not in begun else (SEEN,)
        begun.add(population)
        for kind in KINDS:
            if more and kind.name != "reconstructions":
                continue
            able = [one for one in shown if all(one.holds(key) for key in (*kind.needs, *more))]
            title = f"{population}: {kind.what}" + (f", {where}" if kind.needs else "")
            info = kind.info(title, able) if able else None
            if info is not None:
                found.append((kind, info, tuple(one.row["trial_id"] for one in able)))
    return found[:MAX_PICTURES]
