"""The README's picture: whose fault the errors of a study are as labels go wrong, and in words.

    python docs/landscape.py ray_results/reference/gaussian-small    # writes picture and README.md

It is of the first population, known laws first, at the largest n where labels go wrong, and of the
networks that are there at every level. `tests/test_readme.py` holds study, picture and README
together.
"""

import re
import sys
from pathlib import Path

import pandas as pd

import study
from study.rendering.answers import answers
from study.rendering.decomposition import (
    Decomposition,
    damage_decompositions,
    draw_decomposition,
)
from study.rendering.style import write_figure

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PICTURE = ROOT / "docs/figures/landscape.svg"
PLACE = re.compile(
    r"<!-- landscape: python docs/landscape\.py (\S+) -->\n.*?<!-- end of the landscape -->\n",
    re.DOTALL,
)
"""The README's place for it, and the folder that it is of now."""


def info_of(landscape: pd.DataFrame, population: str) -> Decomposition:
    """What the picture shows.

    Raises:
        ValueError: no cell of the population has labels that go wrong.
    """
    rows = landscape[
        (landscape["population"] == population) & (landscape["distortion"] == "label_noise")
    ]
    rows = rows[rows["num_train"] == rows.loc[rows["level"] > 0, "num_train"].max()]
    levels = rows.groupby(["family", "depth"])["level"].transform("nunique")
    found = damage_decompositions(rows[levels == rows["level"].nunique()])
    if not found:
        raise ValueError(f"{population}: no label_noise at two levels")
    return found[0]


def of(folder: str) -> tuple[Decomposition, str]:
    """What the picture of a study shows, and all that stands in the README's place.

    Args:
        folder: the study's, as the command names it: relative to the repository.
    """
    opened = study.open(ROOT / folder)
    first = answers(opened.landscape)[0]
    info = info_of(opened.landscape, first.title)
    sentence = f"{first.sentence[:1].upper()}{first.sentence[1:]}."
    text = (
        f"<!-- landscape: python docs/landscape.py {folder} -->\n"
        f"![{info.title}]({PICTURE.relative_to(ROOT)})\n\n"
        f"{sentence} [Its data card]({folder}/CARD.md) says how it was made.\n"
        "<!-- end of the landscape -->\n"
    )
    return info, text


def with_landscape(readme: str, text: str) -> str:
    """The README with `text` in its place."""
    return PLACE.sub(lambda _: text, readme)


if __name__ == "__main__":
    info, text = of(sys.argv[1].rstrip("/"))
    write_figure(draw_decomposition(info), PICTURE)
    readme = README.read_text(encoding="utf-8")
    README.write_text(with_landscape(readme, text), encoding="utf-8")
