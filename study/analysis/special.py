"""SciPy's special functions, which are loaded when the first of them is asked for.

They take as long to load as all of this room, and a command that prints a line of help needs none.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    import scipy.special

    return getattr(scipy.special, name)
