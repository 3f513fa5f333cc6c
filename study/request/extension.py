"""What may be asked of a study that has begun: more or less of it, under the same code."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from study.request.entries import PopulationSection
from study.request.reading import SpecError, read_spec
from study.request.spec import StudySpec
from study.trials.schema import NEUTRAL_SEVERITY, TRUNK_KINDS, under
from study.trials.trial import CORRUPTIONS, IDENTITY_VERSION, UNDISTORTED

# Their trials would not be trials of the same study. What is left out may change: `resources`,
# `log` and `max_failed_share` determine no result; a larger number, a longer list is an extension.
FIXED = {
    "search": (
        *("trials", "repeats", "validation_size", "sampler"),
        *("grace_share", "reduction_factor", "parallel"),
    ),
    "training": ("budget_epochs", "max_epochs", "budget_steps", "max_steps", "until"),
}
STREAMED = ("best_in_class", "limit")
FREE = ("resources", "max_failed_share", "allow_mixed_code", "log")
"""They determine no result: what is asked counts."""


def extend(
    asked: StudySpec, records: Sequence[Mapping[str, Any]], directory: Path, shown: str
) -> StudySpec:
    """What the study is from here on, to be written as its `study.toml`.

    Args:
        asked: what is asked now.
        records: what is finished.
        directory: with the study file as it was run, if it was.
        shown: the study's place, for messages.

    Returns:
        What is asked, or what is there where less is asked.

    Raises:
        SpecError: one line with every difference between what is asked and what is there.
    """
    path = directory / "study.toml"
    if not records or not path.exists():
        return asked
    there = read_spec(str(path))
    found = [
        *_settings(asked, there),
        *_seeds(asked, there),
        *_axes(asked, there),
        *_networks(asked, records),
        *_variants(asked, there),
        *_hyperparameters(asked, there),
        *_populations(asked, records),
        *_streams(asked, there),
        *_folds(asked, there),
    ]
    if found:
        raise SpecError(
            f"{shown} was begun with other settings: {'; '.join(found)}; ask for what is there, "
            "or give the study another --name"
        )
    if not _is_within(asked, there):
        return asked
    free = {name: getattr(asked, name) for name in FREE}
    traced = there.training.model_copy(update={"traced": asked.training.traced})
    return there.model_copy(update={**free, "training": traced})


def unscored_lines(
    asked: StudySpec, records: Sequence[Mapping[str, Any]], directory: Path
) -> list[str]:
    """Lines to tell where a finished study is extended by a corruption of images.

    Rules are not kept: what one makes of corrupted images nobody can say afterwards.

    Args:
        asked: what is asked now.
        records: what is finished.
        directory: with the study file as it was run, if it was.
    """
    path = directory / "study.toml"
    if not records or not path.exists():
        return []
    there = read_spec(str(path)).distortions
    new = [kind for kind in asked.distortions if kind in CORRUPTIONS and kind not in there]
    return [
        f"{kind} is new here: {num} finished trials on undistorted samples were not scored under "
        f"it, and {under(kind, 'risk')} stays null of them, so that its curves begin above 0; a "
        "study with another --name has it at 0 too"
        for kind in new
        if (num := sum(_is_unscored(record, kind) for record in records))
    ]


def untraced_lines(
    asked: StudySpec, records: Sequence[Mapping[str, Any]], directory: Path
) -> list[str]:
    """Lines to tell where other points along training are asked for than finished trials have.

    Args:
        asked: what is asked now.
        records: what is finished.
        directory: with the study file as it was run, if it was.
    """
    path, wanted = directory / "study.toml", asked.training.traced
    if not records or not path.exists() or not wanted:
        return []
    before = read_spec(str(path)).training.traced
    held = [is_traced for record in records if (is_traced := _is_traced(record)) is not None]
    if wanted == before or not held:
        return []
    untraced = held.count(False)
    told = (
        f"{untraced} finished trials were not looked at along their training, and risk stays null "
        "in their curves"
        if untraced
        else f"{len(held)} finished trials keep the points that they have (training.traced was "
        f"{before})"
    )
    return [
        f"training.traced = {wanted} is new here: {told}; a study with another --name has them "
        "traced anew"
    ]


def _is_traced(record: Mapping[str, Any]) -> bool | None:
    """Whether a point of the trunk has a risk; None: no measured trial, or one without a trunk."""
    trunk = [p for p in record.get("curves") or () if p.get("phase") in TRUNK_KINDS]
    if record["role"] != "measure" or record["status"] != "done" or not trunk:
        return None
    return any(p.get("risk") is not None for p in trunk)


def _is_unscored(record: Mapping[str, Any], kind: str) -> bool:
    is_measured = record["role"] == "measure" and record["status"] == "done"
    is_plain = record["distortion"] == UNDISTORTED
    return is_measured and is_plain and under(kind, "risk") not in record["metrics"]


def check_protocol(records: Sequence[Mapping[str, Any]], shown: str) -> None:
    """Refuses a study whose trials are of another protocol: none of them is one of this.

    Args:
        records: what is finished.
        shown: the study's place, for messages.

    Raises:
        SpecError: one line.
    """
    others = Counter(
        str(record.get("schema")) for record in records if record.get("schema") != IDENTITY_VERSION
    )
    if others:
        versions = ", ".join(sorted(others))
        raise SpecError(
            f"{shown}: {sum(others.values())} of its trials are of another protocol (identity "
            f"version {versions}, this program's is {IDENTITY_VERSION}); give the study another "
            "--name"
        )


def check_code(
    asked: StudySpec, records: Sequence[Mapping[str, Any]], code: str, shown: str
) -> list[str]:
    """Lines to tell about finished trials that other code ran.

    Args:
        asked: what is asked now.
        records: what is finished.
        code: fingerprint of the code that would run.
        shown: the study's place, for messages.

    Raises:
        SpecError: other code ran some of them, and the user does not insist.
    """
    codes = Counter(record.get("code") for record in records)
    unknown, others = codes.pop(None, 0), {c: n for c, n in codes.items() if c != code}
    lines = [f"{shown}: nobody noted which code ran {unknown} of its trials"] if unknown else []
    if not others:
        return lines
    ran = ", ".join(f"{number} by code {other}" for other, number in sorted(others.items()))
    mixed = f"{shown}: of its trials {ran}; the code is {code} now"
    if not asked.allow_mixed_code:
        raise SpecError(
            f"{mixed}; insist with --set allow_mixed_code=true, or give the study another --name"
        )
    return [*lines, mixed]


def _settings(asked: StudySpec, there: StudySpec) -> list[str]:
    is_searched = asked.search.trials > 0 or there.search.trials > 0
    return [
        f"{section}.{name} = {_said(new)} (there: {_said(old)})"
        for section, names in FIXED.items()
        if section != "search" or is_searched
        for name in names
        if (new := getattr(getattr(asked, section), name))
        != (old := getattr(getattr(there, section), name))
    ]


def _seeds(asked: StudySpec, there: StudySpec) -> list[str]:
    """A precision may be asked for later or be made finer; how seeds are counted then may not."""
    if asked.precision == there.precision is None:
        return []
    if asked.precision is None:
        return [f"precision = {_said(None)} (there: {_said(there.precision)})"]
    if asked.seeds == there.seeds:
        return []
    return [f"seeds = {asked.seeds} (there: {there.seeds}; they are the first stage of precision)"]


def _axes(asked: StudySpec, there: StudySpec) -> list[str]:
    """More of an axis is more cells; with and without it a family's cells are others."""
    shared = set(asked.families) & set(there.families)
    found = []
    for key, places in (
        ("latent_dims", StudySpec.latent_dims_of),
        ("capacity", StudySpec.capacities_of),
    ):
        has_it = any(places(spec, name) != (None,) for spec in (asked, there) for name in shared)
        new, old = (list(getattr(spec, key)) for spec in (asked, there))
        if has_it and bool(new) != bool(old):
            found.append(f"{key} = {_said(new or None)} (there: {_said(old or None)})")
    return found


def _said(value: Any) -> str:
    return "not set" if value is None else str(value)


def _networks(asked: StudySpec, records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Own networks whose trials ran another source: what it was then, and not what it is now."""
    ran: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.get("source"):
            ran[record["family"]].add(record["source"])
    return [
        f"networks: the source of {family} is {network.source} (there: {', '.join(sorted(old))})"
        for family, old in sorted(ran.items())
        if (network := asked.network_of(family)) is not None and old != {network.source}
    ]


def _variants(asked: StudySpec, there: StudySpec) -> list[str]:
    """Names that stand for a variant of another family, or for a variant here and no variant there.

    What a variant's hyperparameters are is told with the families'.
    """
    return [
        f"variants: {name} is of {_said(new)} (there: {_said(old)})"
        for name in sorted(set(asked.families) & set(there.families))
        if (new := asked.variant_of(name)) != (old := there.variant_of(name))
    ]


def _hyperparameters(asked: StudySpec, there: StudySpec) -> list[str]:
    """Values and ranges that differ, of families that are asked and there."""
    found = []
    if asked.match_parameters != there.match_parameters:
        new, old = (str(s.match_parameters).lower() for s in (asked, there))
        found.append(f"match_parameters = {new} (there: {old})")
    for family in sorted(set(asked.families) & set(there.families)):
        new_space, old_space = asked.space_of(family), there.space_of(family)
        names = dict.fromkeys([*new_space.defaults, *old_space.defaults])
        found += [
            f"hyperparameters: {family} has another {name}"
            for name in names
            if new_space.defaults.get(name) != old_space.defaults.get(name)
            or new_space.space.get(name) != old_space.space.get(name)
        ]
    return found


def _populations(asked: StudySpec, records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Populations under a name that is there with other parameters only."""
    there = {str(record["population"]) for record in records}
    labels = {p.label for p in asked.populations}
    return [
        f"populations: {p.label} (there: {', '.join(same)})"
        for p in asked.populations
        if (same := sorted(label for label in there if _name(label) == _name(p.label)))
        and not _is_nested(labels, same)
    ]


def _streams(asked: StudySpec, there: StudySpec) -> list[str]:
    found = []
    for section in STREAMED:
        new, old = (getattr(spec, section).num_stream for spec in (asked, there))
        if not (set(new) <= set(old) or set(old) <= set(new)):
            found.append(f"{section}.num_stream = {list(new)} (there: {list(old)})")
    return found


def _folds(asked: StudySpec, there: StudySpec) -> list[str]:
    """Another number of parts is another cut of the same sample."""
    new, old = (spec.cross_validation.folds for spec in (asked, there))
    differ = new and old and new != old
    return [f"cross_validation.folds = {new} (there: {old})"] if differ else []


def _is_within(asked: StudySpec, there: StudySpec) -> bool:
    """Whether everything that is asked has been asked before."""
    is_nowhere_else = asked.distorted_places <= there.distorted_places
    return (
        set(asked.families) <= set(there.families)
        and set(asked.depths) <= set(there.depths)
        and set(asked.latent_dims) <= set(there.latent_dims)
        and set(asked.capacity) <= set(there.capacity)
        and set(asked.num_train) <= set(there.num_train)
        and _labels(asked.populations) <= _labels(there.populations)
        and all(
            set(severities) <= set(there.distortions.get(name, ()))
            and (set(severities) == {NEUTRAL_SEVERITY[name]} or is_nowhere_else)
            for name, severities in asked.distortions.items()
        )
        and asked.seeds <= there.seeds
        and _is_no_finer(asked, there)
        and asked.training.ideal <= there.training.ideal
        and asked.variance.seeds <= there.variance.seeds
        and asked.cross_validation.folds <= there.cross_validation.folds
        and asked.best_in_class.slack_restarts <= there.best_in_class.slack_restarts
        and all(
            new.restarts <= old.restarts and set(new.num_stream) <= set(old.num_stream)
            for new, old in (
                (getattr(asked, section), getattr(there, section)) for section in STREAMED
            )
        )
    )


def _is_no_finer(asked: StudySpec, there: StudySpec) -> bool:
    """Whether the precision that is asked for is reached by what was asked before."""
    if asked.precision is None or there.precision is None:
        return asked.precision is None
    assert asked.max_seeds is not None
    assert there.max_seeds is not None
    return asked.precision >= there.precision and asked.max_seeds <= there.max_seeds


def _labels(populations: Sequence[PopulationSection]) -> set[str]:
    return {population.label for population in populations}


def _is_nested(labels: Collection[str], same: Sequence[str]) -> bool:
    """Whether the labels asked for under one name contain those there, or the other way round."""
    asked = {label for label in labels if _name(label) == _name(same[0])}
    return asked <= set(same) or set(same) <= asked


def _name(label: str) -> str:
    return label.partition("(")[0]
