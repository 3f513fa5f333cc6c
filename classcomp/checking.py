"""Whether users' own networks can be built and asked, found out before a study starts.

`check_networks` needs the standard library only: the networks are tried in another process
(`python -m classcomp.models.trying`), so that the caller never loads torch, and survives whatever a
user's code does: print, exit, crash or never come back.
"""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LONGEST_COMPLAINT = 2**16
"""Bytes of what a network prints that are looked at: the last ones."""


def check_networks(request: Mapping[str, Any], *, timeout_s: float = 120.0) -> dict[str, Any]:
    """Build every network at every depth for every population, and run it on a few examples.

    Args:
        request: plain data: `networks`, a list of `{name, path, parameters}` with a list of
            constructor arguments to try, all of them, as `parameters`; `depths`;
            `populations`, a list of `{label, vector_shape, image_shape, num_classes}` with null
            where nothing is rendered; `num_train`, how many examples a scikit-learn classifier
            is fitted on; `capacities`, factors of the budget at which a width that is matched to
            it is tried, 1 alone where they are left out.
        timeout_s: seconds for all of it.

    Returns:
        By network's name: `kind` ("torch", or "sklearn" for what is fitted), `takes`, whether
        the width is matched to the budget (`matched`), and `num_parameters` by population's
        label and depth, of the first arguments and capacity, or None.

    Raises:
        ValueError: one line on the first network that fails.
    """
    networks: dict[str, Any] = _answer(request, timeout_s)["networks"]
    return networks


def check_weights(asked: Sequence[Mapping[str, Any]], *, timeout_s: float = 120.0) -> None:
    """Read files of weights and see whether the networks take them.

    Args:
        asked: plain data: family, path, depth and width, None where it is the family's own.
        timeout_s: seconds for all of it.

    Raises:
        ValueError: one line on the first file that does not fit.
    """
    if asked:
        _answer({"networks": [], "weights": list(asked)}, timeout_s)


def least_sizes(
    asked: Sequence[Mapping[str, Any]], *, timeout_s: float = 120.0
) -> list[tuple[int, int] | None]:
    """Count the parameters of the smallest network of every architecture asked about.

    Args:
        asked: plain data: family, depth, capacity, input_shape, num_classes and hyperparameters.
        timeout_s: seconds for all of it.

    Returns:
        Of each its parameters and the budget of its depth and capacity, where that is exceeded by
        more than a network may; else, or where the family meets none, None.
    """
    if not asked:
        return []
    found = _answer({"networks": [], "sizes": list(asked)}, timeout_s)["sizes"]
    return [None if held is None else (held[0], held[1]) for held in found]


def matched_sizes(asked: Sequence[Mapping[str, Any]], *, timeout_s: float = 120.0) -> list[int]:
    """Count the parameters of networks whose width is matched to a budget.

    Args:
        asked: as of `least_sizes`; of a user's own network its `path` too.
        timeout_s: seconds for all of it.

    Raises:
        ValueError: one of them cannot be built.
    """
    if not asked:
        return []
    counts: list[int] = _answer({"networks": [], "counts": list(asked)}, timeout_s)["counts"]
    return counts


def _answer(request: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
    try:
        text = json.dumps(request)
    except TypeError as error:
        raise ValueError(f"networks: parameters must be plain values: {error}") from None
    with tempfile.TemporaryDirectory() as folder:
        answer, complaints = Path(folder) / "answer.json", Path(folder) / "stderr"
        command = [sys.executable, "-m", "classcomp.models.trying", str(answer)]
        with complaints.open("wb") as stderr:
            try:
                done = subprocess.run(
                    command,
                    input=text.encode(),
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    timeout=timeout_s,
                    check=False,
                )
                ended = _ended(done.returncode, complaints)
            except subprocess.TimeoutExpired:
                ended = f"took longer than {timeout_s:g} s"
        found: dict[str, Any] = json.loads(answer.read_text()) if answer.exists() else {}
    if "error" in found:
        raise ValueError(found["error"])
    if "networks" not in found:
        raise ValueError(f"{found.get('checking', 'networks')}: trying it out {ended}")
    return found


def _ended(status: int, complaints: Path) -> str:
    how = f"with exit status {status}"
    if status < 0:
        how = f"by {signal.Signals(-status).name}"
    with complaints.open("rb") as said:  # of which code of the user's may say gigabytes
        said.seek(max(0, complaints.stat().st_size - LONGEST_COMPLAINT))
        lines = said.read().decode(errors="replace").strip().splitlines()
    return f"ended {how}{': ' + lines[-1].strip() if lines else ''}"
