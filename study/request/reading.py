"""From a recipe's name or a TOML file, with `--set` overrides, to a checked study file."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ValidationError

from search_spaces.family import is_weights_file
from study.recipes import recipe_file, recipe_names
from study.request.sections import shown
from study.request.spec import StudySpec
from study.storage.outside import MOST_DEPTH, MOST_STUDY_FILE, OutsideError, parse_toml, read_bytes
from study.storage.store import write_whole


class SpecError(ValueError):
    """The request is wrong; the message is one line naming key, value and what is allowed."""


ALLOWED = {
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:.10g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "finite_number": "a finite number",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text in quotes",
    "string_too_short": "text of at least {min_length} character",
    "string_pattern_mismatch": "text that matches {pattern}",
    "literal_error": "{expected}",
    "tuple_type": "a list in brackets",
    "too_short": "a list with at least {min_length} in it",
    "dict_type": "a table of keys",
    "model_type": "a table of keys",
    "model_attributes_type": "a table of keys",
}
"""What pydantic's types of error say in the words of a study file."""


def read_spec(source: str, overrides: Sequence[str] = (), name: str | None = None) -> StudySpec:
    """Reads a recipe's name or a study file, with `key=value` overrides.

    Raises:
        SpecError: one line naming the key, the value and what is allowed.
    """
    table = _read_toml(source)
    for override in overrides:
        _override(table, override)
    if name is not None:
        table["name"] = name
    return parse_spec(table, source, Path(source).parent if _is_file(source) else Path())


def write_spec(spec: StudySpec, path: Path) -> None:
    """Writes a study file that says what `spec` says, every default spelled out.

    Paths below the file's own folder are written relative to it, so that the folder may move.
    """
    table = spec.model_dump(mode="json", exclude_none=True)
    below = f"{path.parent.absolute()}/"
    for entry in (*table["networks"], *table["populations"]):
        if isinstance(entry.get("path"), str):
            entry["path"] = entry["path"].removeprefix(below)
    for wishes in table["hyperparameters"].values():
        if is_weights_file(wishes.get("weights")):
            wishes["weights"] = wishes["weights"].removeprefix(below)
    text = tomli_w.dumps(table)
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def parse_spec(table: Mapping[str, Any], source: str, folder: Path = Path()) -> StudySpec:
    """Validates a parsed study file.

    Args:
        table: what TOML says.
        source: its name, for messages.
        folder: that the paths in it are relative to.

    Raises:
        SpecError: one line naming the key, the value and what is allowed.
    """
    try:
        return StudySpec.model_validate(_with_absolute_paths(table, folder))
    except ValidationError as error:
        raise SpecError(f"{source}: {first_error(error)}") from None


def _is_file(source: str) -> bool:
    return source.endswith(".toml") or "/" in source


def _read_toml(source: str) -> dict[str, Any]:
    try:
        if _is_file(source):
            text = read_bytes(Path(source), MOST_STUDY_FILE).decode("utf-8")
        elif source in recipe_names():
            text = recipe_file(source).read_text(encoding="utf-8")
        else:
            names = recipe_names()
            raise SpecError(
                f"{source!r} is no recipe{_nearest(source, names)}: allowed are "
                f"{', '.join(names)}, or a .toml file"
            )
        return parse_toml(text)
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{source}: cannot be read: {_on_one_line(error)}") from None
    except OutsideError as error:
        raise SpecError(f"{source}: {error}") from None


def _with_absolute_paths(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same study file, its paths to code and data no longer relative to its own folder.

    What is no path is left to whoever checks it.
    """
    whole = dict(table)
    for key in ("networks", "populations"):
        if isinstance(whole.get(key), list):
            whole[key] = [_with_absolute_path(entry, folder) for entry in whole[key]]
    wishes = whole.get("hyperparameters")
    if isinstance(wishes, Mapping):
        whole["hyperparameters"] = {
            family: {**held, "weights": _absolute(held["weights"], folder)}
            if isinstance(held, Mapping) and is_weights_file(held.get("weights"))
            else held
            for family, held in wishes.items()
        }
    return whole


def _absolute(path: str, folder: Path) -> str:
    return str((folder / Path(path).expanduser()).absolute())


def _with_absolute_path(entry: Any, folder: Path) -> Any:
    path = entry.get("path") if isinstance(entry, Mapping) else None
    is_module = isinstance(path, str) and ":" in path and "/" not in path and ".py:" not in path
    if not isinstance(path, str) or is_module:
        return entry
    return {**entry, "path": _absolute(path, folder)}


def _override(table: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise SpecError(f"--set {override!r}: allowed is key=value, such as seeds=5")
    value = _value(text, override)
    *path, last = key.strip().split(".")
    if len(path) > MOST_DEPTH:
        raise SpecError(f"--set {override!r}: a key has at most {MOST_DEPTH} parts")
    place: Any = table
    for step in path:
        place = place[int(step)] if _is_index(place, step) else _child(place, step, override)
    if _is_index(place, last):
        place[int(last)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise SpecError(f"--set {override!r}: {key} is not a key of a study file")


def _value(text: str, override: str) -> Any:
    """What an override sets: a value of TOML, or a text without its quotes."""
    try:
        return parse_toml(f"value = {text}")["value"]
    except OutsideError as error:
        if "is not TOML" not in str(error):
            raise SpecError(f"--set {override!r}: {error}") from None
    return text


def _is_index(place: Any, step: str) -> bool:
    is_short = step.isdecimal() and len(step) < 10
    return is_short and isinstance(place, list) and int(step) < len(place)


def _child(place: Any, step: str, override: str) -> Any:
    if not isinstance(place, dict):
        raise SpecError(f"--set {override!r}: there is no {step!r} to set a key of")
    return place.setdefault(step, {})


def first_error(error: ValidationError) -> str:
    """The first of a study file's errors on one line: key, value and what is allowed."""
    errors = error.errors(include_url=False)
    first = errors[0]
    key = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "too_short" and isinstance(first["input"], Mapping):
        message = "allowed is a table with a key in it"
    elif first["type"] in ALLOWED:
        message = f"allowed is {ALLOWED[first['type']].format(**first.get('ctx', {}))}"
    if first["type"] == "extra_forbidden":
        allowed = _allowed(first["loc"])
        nearest = _nearest(str(first["loc"][-1]), allowed)
        message = f"no such key{nearest}; allowed are {', '.join(allowed)}"
    elif first["type"] == "missing":
        message = "is missing"
    elif not isinstance(first["input"], Mapping | BaseModel):
        key = f"{key} = {shown(first['input'])}"
    others = sum(not _follows(held, errors) for held in errors) - 1
    more = f" (and {others} more error{'s' if others > 1 else ''})" if others else ""
    return _on_one_line(f"{key}: {message}{more}" if key else f"{message}{more}")


def _follows(error: Any, errors: Sequence[Any]) -> bool:
    """Whether a list is too short only since what is in it is wrong."""
    place = error["loc"]
    inside = (held["loc"] for held in errors if len(held["loc"]) > len(place))
    return error["type"] == "too_short" and any(loc[: len(place)] == place for loc in inside)


def _allowed(location: tuple[int | str, ...]) -> list[str]:
    """Keys of the table that a wrong key stands in."""
    model: Any = StudySpec
    for part in location[:-1]:
        # A number is a place in a list of tables.
        is_key = isinstance(part, str)
        model = model.model_fields[part].annotation if is_key else model.__args__[0]
    return list(model.model_fields)


def _nearest(word: str, allowed: Sequence[str]) -> str:
    """The one that was meant, where one of them is near: `(did you mean 'families'?)`."""
    found = get_close_matches(word, allowed, n=1, cutoff=0.75)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _on_one_line(text: object) -> str:
    return " ".join(str(text).split())
