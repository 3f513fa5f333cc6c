"""Rules of one family beside another's, paired by what they share: a seed, a restart, examples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from study.analysis.candidates import Rule
from study.analysis.contrasts import loss_terms
from study.analysis.decisions import COLUMNS
from study.analysis.joined import Joined
from study.analysis.rows import Array, Rows


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """By how much the first family's rules err more than the second's.

    Attributes:
        keys: (k,) of the seeds or restarts that both have, rising; None: of the one rule that each
            family has, which goes with any of theirs.
        differences: (k,) of risks, as the table has them.
        terms: (k, N) what each evaluation example adds to them; None: it is unknown.
    """

    keys: Array | None
    differences: Array
    terms: Array | None

    def __len__(self) -> int:
        return len(self.differences)

    @property
    def num(self) -> int | None:
        """Of the evaluation examples."""
        return None if self.terms is None else int(self.terms.shape[1])

    @property
    def mean(self) -> float:
        """Over the pairs."""
        return float(self.differences.mean())

    def at(self, chosen: Array) -> "Pairs":
        """Those at these places among them, or where this is true."""
        return Pairs(
            keys=None if self.keys is None else self.keys[chosen],
            differences=self.differences[chosen],
            terms=None if self.terms is None else self.terms[chosen],
        )

    def plus(self, other: "Pairs", times: float = 1.0) -> "Pairs":
        """The sum with so many times the other's, over the keys that both have."""
        mine, theirs = self, other
        if self.keys is not None and other.keys is not None:
            shared = _places(self.keys, other.keys)
            if shared is not None:
                mine, theirs = self.at(shared[0]), other.at(shared[1])
        keys = theirs.keys if mine.keys is None else mine.keys
        differences = mine.differences + times * theirs.differences
        if mine.terms is None or theirs.terms is None or mine.num != theirs.num:
            return Pairs(keys=keys, differences=differences, terms=None)
        return Pairs(keys=keys, differences=differences, terms=mine.terms + times * theirs.terms)

    def times(self, factor: float) -> "Pairs":
        """So many times the differences."""
        terms = None if self.terms is None else factor * self.terms
        return Pairs(keys=self.keys, differences=factor * self.differences, terms=terms)

    @property
    def without_terms(self) -> "Pairs":
        """The same, which takes no room."""
        return Pairs(keys=self.keys, differences=self.differences, terms=None)


def paired(joined: Joined, sides: Sequence[Rows], branch: str) -> Pairs | None:
    """The pairs of two families' trials by seed; None where they have no such pair.

    Args:
        joined: the study's trials.
        sides: the first's and the second's, each in order of seed.
        branch: of study.analysis.decisions.
    """
    first, second = sides
    shared = _places(first.numbers("seed"), second.numbers("seed"))
    if shared is not None:
        first, second = first.at(shared[0]), second.at(shared[1])
    differences = _apart(first, second, branch)
    is_known = ~np.isnan(differences)
    if not is_known.all():
        first, second, differences = first.at(is_known), second.at(is_known), differences[is_known]
    if not len(differences):
        return None
    return Pairs(
        keys=first.numbers("seed"),
        differences=differences,
        terms=_minus(*(loss_terms(joined, rows, branch=branch) for rows in (first, second))),
    )


def paired_rules(joined: Joined, rules: Sequence[Rule | None]) -> Pairs | None:
    """One rule of each family; None where one of them has none."""
    first, second = rules
    if first is None or second is None or first.excess_risk is None or second.excess_risk is None:
        return None
    losses = [loss_terms(joined, rule.row.alone, branch=rule.branch) for rule in (first, second)]
    return Pairs(
        keys=None,
        differences=np.array([first.excess_risk - second.excess_risk]),
        terms=_minus(*losses),
    )


def _places(first: Array, second: Array) -> tuple[Array, Array] | None:
    """Where keys are that both have, none of them twice; None: both have the same."""
    if np.array_equal(first, second):
        return None
    found = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    return found[1], found[2]


def _apart(first: Rows, second: Rows, branch: str) -> Array:
    """Differences (k,) of excess risks, which carry less noise; of risks where R* is unknown."""
    risk, excess = (first.numbers(name) - second.numbers(name) for name in COLUMNS[branch])
    return np.where(np.isnan(excess), risk, excess)


def _minus(first: Array | None, second: Array | None) -> Array | None:
    if first is None or second is None or first.shape != second.shape:
        return None
    return first - second
