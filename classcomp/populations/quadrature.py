"""Bayes risk of a mixture of Gaussians in one or two dimensions by quadrature."""

from dataclasses import dataclass

import numpy as np
import scipy  # its parts are loaded as they are used

from classcomp.populations.mixture_law import MixtureLaw

QUADRATURE_TOLERANCE = 1e-7  # two resolutions, one twice the other, agree to this
_REACH = 8.5  # standard deviations; 1e-16 of a component lies beyond
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(6)
_RESOLUTIONS = (1, 2, 4, 8)
_MAX_WORK = 3e9  # density evaluations at one resolution; more would take minutes
_BISECTIONS = 40
_MAX_CHANGES = 500
_EDGE_HALVINGS = 14  # of a panel within which the winners' pattern along x changes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rows:
    """The mixture along lines of constant y: per row and component a 1-D Gaussian in x.

    Attributes:
        mass: `(R, C)` weight times density of y.
        mean: `(R, C)` conditional mean of x, or `(1, C)` where it is the same in all rows.
        sd: `(C,)` conditional standard deviation of x.
    """

    mass: np.ndarray
    mean: np.ndarray
    sd: np.ndarray


def quadrature_risk(law: MixtureLaw) -> float | None:
    """Bayes risk in dimension 1 or 2, accurate to about QUADRATURE_TOLERANCE; None if not reached.

    Along x the mass that the Bayes rule gets right is exact between the points where the winning
    class changes (normal distribution functions; the points by bisection). Along y Gauss-Legendre
    panels. The resolution doubles until two results agree; None when they never do, or when a
    law of many components would take too long.
    """
    classes = np.eye(law.num_classes)[list(law.labels)]
    previous = None
    for resolution in _RESOLUTIONS:
        risk = _risk_at(law, classes, resolution)
        if risk is None:
            return None
        if previous is not None and abs(risk - previous) <= QUADRATURE_TOLERANCE:
            return max(risk, 0.0)
        previous = risk
    return None


def _risk_at(law: MixtureLaw, classes: np.ndarray, resolution: int) -> float | None:
    rows, row_weights = _rows_of(law, resolution)
    shared = len(rows.mean) == 1
    width = len(_grid(rows.mean[:1], rows.sd, resolution)[0])
    if len(row_weights) * width * len(law.weights) > _MAX_WORK:
        return None
    correct = 0.0
    chunk = max(1, 2**21 // (width * classes.shape[1]))
    for start in range(0, len(row_weights), chunk):
        part = slice(start, start + chunk)
        piece = _Rows(
            mass=rows.mass[part], mean=rows.mean if shared else rows.mean[part], sd=rows.sd
        )
        correct += float(row_weights[part] @ _row_masses(piece, classes, resolution))
    return 1.0 - correct


def _rows_of(law: MixtureLaw, resolution: int) -> tuple[_Rows, np.ndarray]:
    """Lines of constant y and their quadrature weights; a 1-D law is one line of weight 1."""
    means, cov = np.array(law.means), law.covariance_matrices()
    if law.dim == 1:
        sd = np.sqrt(cov[:, 0, 0])
        return _Rows(mass=np.array(law.weights)[None], mean=means.T, sd=sd), np.ones(1)
    sd_y = np.sqrt(cov[:, 1, 1])
    edges = _refined(law, _marks(means[:, 1], sd_y, step=0.5 / resolution), resolution)
    half = np.diff(edges) / 2
    y = (edges[:-1, None] + half[:, None] * (1 + _NODES)).ravel()
    return _lines(law, y), (half[:, None] * _NODE_WEIGHTS).ravel()


def _lines(law: MixtureLaw, y: np.ndarray) -> _Rows:
    means, cov = np.array(law.means), law.covariance_matrices()
    sd_y = np.sqrt(cov[:, 1, 1])
    standard = (y[:, None] - means[:, 1]) / sd_y
    mass = np.array(law.weights) * np.exp(-0.5 * standard**2) / (sd_y * np.sqrt(2 * np.pi))
    slope = cov[:, 0, 1] / cov[:, 1, 1]
    mean = means[None, :, 0]
    if slope.any():
        mean = mean + slope * (y[:, None] - means[:, 1])
    sd = np.sqrt(cov[:, 0, 0] - slope * cov[:, 0, 1])
    return _Rows(mass=mass, mean=mean, sd=sd)


def _refined(law: MixtureLaw, edges: np.ndarray, resolution: int) -> np.ndarray:
    """Halve again and again the panels along y in which a class region begins or ends.

    There the integrand behaves like |y - y0|^(3/2), for which Gauss-Legendre converges slowly.
    """
    classes = np.eye(law.num_classes)[list(law.labels)]
    patterns = _patterns(law, classes, edges, resolution)
    for _ in range(_EDGE_HALVINGS):
        changes = np.nonzero(patterns[1:] != patterns[:-1])[0]
        if len(changes) == 0 or len(changes) > _MAX_CHANGES:
            break
        middle = (edges[changes] + edges[changes + 1]) / 2
        new = _patterns(law, classes, middle, resolution)
        edges = np.insert(edges, changes + 1, middle)
        patterns = np.insert(patterns, changes + 1, new)
    return edges


def _patterns(law: MixtureLaw, classes: np.ndarray, y: np.ndarray, resolution: int) -> np.ndarray:
    """`(R,)` a number per line y: how often the winning class changes, the first and the last."""
    rows = _lines(law, y)
    winner = _densities(rows, classes, _grid(rows.mean, rows.sd, resolution)).argmax(axis=2)
    changes = (winner[:, 1:] != winner[:, :-1]).sum(axis=1)
    num_classes = classes.shape[1]
    pattern: np.ndarray = (changes * num_classes + winner[:, 0]) * num_classes + winner[:, -1]
    return pattern


def _marks(centres: np.ndarray, sds: np.ndarray, step: float) -> np.ndarray:
    """Sorted marks around every centre, at `step` standard deviations, nearly equal ones merged."""
    marks = np.sort((centres[:, None] + np.outer(sds, np.arange(-_REACH, _REACH, step))).ravel())
    apart: np.ndarray = marks[np.append(True, np.diff(marks) > 1e-9 * sds.min())]
    return apart


def _grid(mean: np.ndarray, sd: np.ndarray, resolution: int) -> np.ndarray:
    """`(R, G)` sorted points along x between which the winning class is searched for."""
    step = 0.25 / resolution
    if len(mean) == 1:
        return _marks(mean[0], sd, step)[None]
    offsets = np.outer(sd, np.arange(-_REACH, _REACH, step))
    return np.sort((mean[:, :, None] + offsets).reshape(len(mean), -1), axis=1)


def _densities(rows: _Rows, classes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """`(R, G, K)` class densities (prior included) at points `(R or 1, G)`."""
    num_rows, num_classes = len(rows.mass), classes.shape[1]
    out = np.zeros((num_rows, x.shape[1], num_classes))
    for c, label in enumerate(classes.argmax(axis=1)):
        kernel = np.exp(-0.5 * ((x - rows.mean[:, c, None]) / rows.sd[c]) ** 2) / rows.sd[c]
        out[:, :, label] += rows.mass[:, c, None] * kernel
    return out


def _row_masses(rows: _Rows, classes: np.ndarray, resolution: int) -> np.ndarray:
    """`(R,)` the integral over x of the largest class density, per row."""
    x = _grid(rows.mean, rows.sd, resolution)
    winner = _densities(rows, classes, x).argmax(axis=2)
    row, cell = np.nonzero(winner[:, 1:] != winner[:, :-1])
    before, after = classes.T[winner[row, cell]], classes.T[winner[row, cell + 1]]
    which = row if len(x) > 1 else np.zeros_like(row)
    mean = rows.mean[row] if len(rows.mean) > 1 else rows.mean
    # (S, C): + for the components of the class that loses the lead, - for the one that takes it
    signed = rows.mass[row] * (before - after)
    point = _bisect(signed, mean, rows.sd, x[which, cell], x[which, cell + 1])
    gained = (signed * scipy.special.ndtr((point[:, None] - mean) / rows.sd)).sum(axis=1)
    last = (rows.mass * classes.T[winner[:, -1]]).sum(axis=1)
    masses: np.ndarray = last + np.bincount(row, weights=gained, minlength=len(rows.mass))
    return masses


def _bisect(
    signed: np.ndarray, mean: np.ndarray, sd: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Where the signed density changes from + to - in each bracket."""
    middle: np.ndarray = (low + high) / 2
    for _ in range(_BISECTIONS):
        kernel = np.exp(-0.5 * ((middle[:, None] - mean) / sd) ** 2) / sd
        leads = (signed * kernel).sum(axis=1) > 0
        low, high = np.where(leads, middle, low), np.where(leads, high, middle)
        middle = (low + high) / 2
    return middle
