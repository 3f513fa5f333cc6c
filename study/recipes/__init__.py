"""The studies that ship: TOML files, each of which says in its first line what it asks."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

DEFAULT = "quickstart"
ASKS = "# Asks: "


def recipe_names() -> list[str]:
    """The studies that ship, in the order of their names."""
    found = (file.name for file in resources.files(__name__).iterdir())
    return sorted(Path(name).stem for name in found if name.endswith(".toml"))


def recipe_file(name: str) -> Traversable:
    """The study file of a recipe."""
    return resources.files(__name__) / f"{name}.toml"


def questions() -> dict[str, list[str]]:
    """What is asked, and the recipes that ask it: the default first, of others the small one."""
    found: dict[str, list[str]] = {}
    for name in sorted(recipe_names(), key=lambda name: (name != DEFAULT, name)):
        found.setdefault(_asked(name), []).append(name)
    return {
        asked: sorted(names, key=lambda n: -n.endswith("-small")) for asked, names in found.items()
    }


def _asked(name: str) -> str:
    first = recipe_file(name).read_text(encoding="utf-8").partition("\n")[0]
    assert first.startswith(ASKS), f"{name}: its first line says what it asks, after {ASKS!r}"
    return first.removeprefix(ASKS)
