"""Errors as users read them."""


def one_line(error: BaseException) -> str:
    """An error's type and what it says, without line breaks."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
