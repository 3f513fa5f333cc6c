"""Code and data that the user brought, put where every worker finds them: the study's place."""

from pathlib import Path

from classcomp.populations import FittedImages, carried, make
from classcomp.sources import content_of
from search_spaces.family import CONTENT
from study.request.entries import NetworkSection, PopulationSection
from study.request.spec import StudySpec
from study.storage.store import CARRIED, Store, write_whole

LARGEST_BYTES = 256 * 2**20
"""Data above it stay where they are: on a cluster every node must see them at the same path."""


def carry(spec: StudySpec, store: Store, directory: Path) -> StudySpec:
    """Copies what the study file names into `carried/`, and names the copies instead.

    Args:
        spec: what is asked.
        store: the study's place.
        directory: its workspace.
    """
    networks = tuple(_network(section, directory) for section in spec.networks)
    populations = tuple(_population(section, directory) for section in spec.populations)
    wishes = {
        family: {**held, "weights": _weights(file, directory)}
        if (file := spec.weights_of(family)) is not None
        else held
        for family, held in spec.hyperparameters.items()
    }
    brought = {"networks": networks, "populations": populations, "hyperparameters": wishes}
    if any(held != getattr(spec, name) for name, held in brought.items()):
        store.publish(directory, f"{CARRIED}/*")
    return spec.model_copy(update=brought)


def _weights(file: str, directory: Path) -> str:
    path = Path(file)
    if path.parent == _folder(directory) or path.stat().st_size > LARGEST_BYTES:
        return file
    target = _folder(directory) / f"{content_of(file).removeprefix(CONTENT)}-{path.name}"
    _copy(path, target)
    return str(target)


def _network(section: NetworkSection, directory: Path) -> NetworkSection:
    file, _, name = section.path.rpartition(":")
    path = Path(file)
    if path.suffix != ".py" or path.parent == _folder(directory):
        return section
    target = _folder(directory) / f"{section.network.source}-{path.name}"
    _copy(path, target)
    return NetworkSection(**{**section.model_dump(), "path": f"{target}:{name}"})


def _population(section: PopulationSection, directory: Path) -> PopulationSection:
    law = make(section.name, **section.parameters)
    if isinstance(law, FittedImages):  # a worker that makes another fit than this must not go on
        pinned = {**section.parameters, "fit": law.fit.fingerprint}
        return PopulationSection.model_validate({"name": section.name, **pinned})
    packed = carried(section.name, section.parameters)
    if packed is None or packed.num_bytes > LARGEST_BYTES:
        return section
    if packed.path.parent == _folder(directory):  # of an earlier run of this study
        return section
    # The label's name and the hash of the content: equal content under two names is two files.
    shown = section.label.partition("(")[2].partition(",")[0]
    content = section.label.rpartition("sha256=")[2].rstrip(")")
    target = _folder(directory) / f"{content}-{shown}.npz"
    _copy(packed.path, target)
    return PopulationSection.model_validate(
        {"name": section.name, **section.parameters, "path": str(target)}
    )


def _folder(directory: Path) -> Path:
    return (directory / CARRIED).absolute()


def _copy(source: Path, target: Path) -> None:
    if not target.exists():
        write_whole(target, lambda temporary: temporary.write_bytes(source.read_bytes()))
