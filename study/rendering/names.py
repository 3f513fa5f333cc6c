"""Text from outside as it is drawn: of bounded length, on one line, and nothing but characters.

Names in a table may come from anywhere. On a page they are escaped (`page.py`), in a picture a
dollar is a dollar (`style.py`); here they are made such that no picture takes minutes for them and
no page or terminal is moved by them. Tables on disk keep names as they are.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pandas as pd

from study.analysis.reading import Study
from study.analysis.results import Results
from study.rendering.style import ABRIDGED

LONGEST_NAME = 240
"""Characters; a population's label with its matrices has more."""
LONGEST_TEXT = 600
"""Of a message, which is read and not looked up."""
LONGEST_LABEL = 40
"""Of what stands beside an axis; a study file allows families of 32."""
_LABELS = ("family", "first", "second", "ahead", "reference", "variant_of", "distortion", "phase")
LENGTHS = {
    **dict.fromkeys(_LABELS, LONGEST_LABEL),
    **{"error": LONGEST_TEXT},
}
"""By column; a name elsewhere may be as long as LONGEST_NAME."""


def shown_name(name: str, most: int = LONGEST_NAME) -> str:
    """Return a name as it is drawn; different names stay different."""
    plain = "".join(c if c.isprintable() else "\ufffd" for c in name[:most])
    if plain == name:
        return name
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{plain[: most - 9]}{ABRIDGED}{digest}"


def shown_study(study: Study) -> Study:
    """Return a study as read with every text as it is drawn."""
    curves = None if study.curves is None else shown_frame(study.curves)
    return replace(
        study,
        name=shown_name(study.name),
        trials=shown_frame(study.trials),
        curves=curves,
        levels={shown_name(name): held for name, held in study.levels.items()},
        provenance=_shown_values(study.provenance),
    )


def shown_results(results: Results) -> Results:
    """Return a study's results with every text as it is drawn."""
    held = {f.name: getattr(results, f.name) for f in fields(results)}
    changed: dict[str, Any] = {
        name: shown_frame(table) for name, table in held.items() if isinstance(table, pd.DataFrame)
    }
    changed["notes"] = tuple(shown_name(note, LONGEST_TEXT) for note in results.notes)
    return replace(results, **changed)


def shown_frame(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its names, those of hyperparameters' columns too, as they are drawn."""
    changed = {}
    for name in table.columns:
        if table[name].dtype == "string":
            most = LENGTHS.get(name, LONGEST_NAME)
            found = {text: shown_name(text, most) for text in table[name].dropna().unique()}
            if any(text != seen for text, seen in found.items()):
                changed[name] = table[name].map(found, na_action="ignore").astype("string")
    return table.assign(**changed).rename(columns=shown_name)


def _shown_values(held: Any) -> Any:
    """Return plain values with every text in them as it is drawn."""
    if isinstance(held, str):
        return shown_name(held, LONGEST_TEXT)
    if isinstance(held, Mapping):
        return {shown_name(str(name)): _shown_values(value) for name, value in held.items()}
    if isinstance(held, list):
        return [_shown_values(value) for value in held]
    return held
