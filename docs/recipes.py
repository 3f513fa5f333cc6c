"""The README's table of recipes: what each of them asks, as the first line of its file says.

    python docs/recipes.py     # writes it into README.md

`tests/test_readme.py` holds the two together.
"""

from pathlib import Path

from study.recipes import questions

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- recipes: python docs/recipes.py -->\n", "<!-- end of the recipes -->\n"


def table() -> str:
    """A row for each question."""
    rows = (f"| {_names(names)} | {asked} |" for asked, names in questions().items())
    return "\n".join(["| recipe | asks |", "|---|---|", *rows]) + "\n"


def _names(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def with_recipes(readme: str) -> str:
    """The README with its table as it should be."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    README.write_text(with_recipes(README.read_text(encoding="utf-8")), encoding="utf-8")
