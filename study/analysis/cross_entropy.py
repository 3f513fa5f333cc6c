"""Cross-entropy above the posterior's own, in nats: split as risks are, and into bias and variance.

With eta the known posterior and p what a rule predicts, E KL(eta || p) is zero for the law itself.
The landscape's split holds of it, but for the best rule in the class, which is chosen by risk:

    total = limit + estimation + optimization,

the limit being U_A's, and each difference a mean of differences over the same examples.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from study.analysis import special
from study.analysis.columns import CROSS_ENTROPY_COLUMNS
from study.analysis.crossed import Crossed, crossed_mean
from study.analysis.decisions import BUDGET, CONVERGED
from study.analysis.frames import Row, typed_frame
from study.analysis.joined import Joined
from study.analysis.rows import Rows
from study.trials.trial import Cell

LOWEST_LOG = float(np.log(1e-7))
"""Logs below it count as this, as in the score `excess_cross_entropy`: one confident mistake costs
at most 16 nats. Kept logs are of half precision, wrong by up to one part in 2,048 of themselves."""

Array = np.ndarray[Any, np.dtype[np.float64]]


def build_cross_entropy(joined: Joined) -> pd.DataFrame:
    """The table of cells whose posterior is known; columns as CROSS_ENTROPY_COLUMNS.

    Means are over the first evaluation examples, those whose predictions were kept, and over the
    seeds that have them. Intervals are crossed over seeds, restarts and examples; bias and
    variance have none.
    """
    rows = [
        asdict(cell) | {"task": joined.tasks[cell.family]} | found
        for cell in sorted(joined.current["measure"])
        if (found := _cell_columns(joined, cell)) is not None
    ]
    return typed_frame(rows, CROSS_ENTROPY_COLUMNS)


def divergences(posterior: Array, logs: Array) -> Array:
    """KL(eta || p) in nats (k, M), of posteriors (M, K) and predictions' logs (k, M, K)."""
    entropy = special.xlogy(posterior, posterior).sum(axis=1)
    found: Array = entropy - (posterior * logs).sum(axis=2)
    return found


def bias_and_variance(posterior: Array, logs: Array) -> tuple[float, float]:
    """E KL(eta || q) and E KL(q || p_s), which add up to E KL(eta || p_s) (Heskes 1998).

    q is the normalised geometric mean of the seeds' predictions, log q = mean log p_s - log Z, so
    that the variance is -log Z at every example. Of k seeds it comes out too small, by a k-th of
    itself where predictions differ little: q fits the very seeds it is compared with. Quenouille's
    (1956) jackknife, k V_k - (k - 1) mean V_(k-1), takes that out to the order of 1/k^2, from the
    variance and into the bias; the sum stays what it is. Unlike a factor k / (k - 1), which it is
    for small differences, it allows for what predictions far apart do.

    Args:
        posterior: (M, K).
        logs: (k, M, K) of predictions that add up to 1, k being 2 or more.
    """
    k = len(logs)
    whole, summed = _variance(logs.mean(axis=0)), logs.sum(axis=0)
    without = [_variance((summed - own) / (k - 1)) for own in logs]
    variance = k * whole - (k - 1) * float(np.mean(without))
    return float(divergences(posterior, logs).mean()) - variance, variance


def _variance(mean_logs: Array) -> float:
    return -float(special.logsumexp(mean_logs, axis=1).mean())


def _cell_columns(joined: Joined, cell: Cell) -> Row | None:
    """None where the posterior is unknown or no seed's predictions were kept."""
    posterior = None if joined.decisions is None else joined.decisions.posterior(cell)
    if posterior is None:
        return None
    measured = joined.measured(cell)
    budgeted = _logs(joined, measured, BUDGET)
    if budgeted is None:
        return None
    eta = posterior[: budgeted.shape[1]]
    converged = _logs(joined, measured, CONVERGED)
    limit = _logs(joined, joined.limit_of(cell), BUDGET)
    at_t = divergences(eta, budgeted)
    row: Row = {
        "num_seeds": len(budgeted),
        "num_restarts": None if limit is None else len(limit),
        "num_examples": len(eta),
        **_columns("total", crossed_mean(at_t)),
        **_components(eta, budgeted, ""),
    }
    at_limit = None if limit is None else divergences(eta, limit)
    row |= {} if at_limit is None else _columns("limit", crossed_mean(at_limit))
    if converged is not None:
        settled = divergences(eta, converged)
        row |= _columns("optimization", crossed_mean(at_t - settled))
        row |= _components(eta, converged, "converged_")
        row |= {} if at_limit is None else _columns("estimation", crossed_mean(settled, at_limit))
    return row


def _logs(joined: Joined, rows: Rows, branch: str) -> Array | None:
    """Logs (k, M, K) of what all these rules predict; None where one's are unknown."""
    assert joined.decisions is not None
    found = [joined.decisions.log_probabilities(row, branch) for row in joined.deciding(rows)]
    known = [logs for logs in found if logs is not None]
    if not known or len(known) < len(rows) or len({logs.shape for logs in known}) > 1:
        return None
    clipped = np.maximum(np.array(known), LOWEST_LOG)
    normalised: Array = clipped - special.logsumexp(clipped, axis=2, keepdims=True)
    return normalised


def _components(eta: Array, logs: Array, prefix: str) -> Row:
    if len(logs) < 2:
        return {}
    bias, variance = bias_and_variance(eta, logs)
    return {f"{prefix}bias": bias, f"{prefix}variance": variance}


def _columns(name: str, found: Crossed) -> dict[str, Any]:
    return {name: found.value, f"{name}_lo": found.lo, f"{name}_hi": found.hi}
