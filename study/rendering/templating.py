"""Jinja as every page has it: all text of a study is escaped, and what is not given is an error."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_LIST = 200  # rows of a list on a page; the tables on disk have them all


def html_environment(**filters: Callable[..., Any]) -> Environment:
    """Return the environment of a page's templates, with its filters by name."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment
