"""The variance that a risk has from its evaluation draw, by how it is drawn and what is averaged.

    python benchmarks/evaluation_draws.py                       # some three CPU minutes
    python benchmarks/evaluation_draws.py --replications 10     # rougher

Of each cell two networks, trained as measured trials are (n = 128, T = 100 steps), are scored on
many draws of 8,192 examples. Printed are variances of the mean over a draw, as multiples of the
engine's way: posterior-weighted excess over the Bayes rule, examples independent. Below 1 is
better.

Averaged: `wrong labels`, the share of a draw's labels that are not the decision; `labels - Bayes`,
the same less the Bayes rule's, whose mean R* is known; `risk`, 1 - eta of the decision; `excess`,
less the Bayes rule's (the engine's); `excess, best b`, less b times it, b by least squares over all
draws; `two rules`, the excess of one network less the other's. Drawn: independent; in pairs
reflected at their component's mean (antithetic); as many of each component as it weighs
(stratified); and by scrambled Sobol points (Owen 1997), the first coordinate the component, the
others its normals.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from by_samples import as_seen
from scipy.stats import norm, qmc

from classcomp.experiment import Experiment
from classcomp.models.base import Decides
from classcomp.populations import Population
from study.engine.handover import to_trial
from study.planning.plan import planned_trials
from study.request.reading import read_spec
from study.trials.trial import TrialSpec

SIZE = 8_192
SETTINGS = (
    'families=["linear","vgg"]',
    "num_train=[128]",
    'populations=[{name="xor",sigma=0.5},'
    '{name="gaussian_images",mu0=0.0,mu1=0.15,sigma0=1.0,sigma1=1.2,size=8}]',
    "distortions={}",
    "seeds=2",
    "search.trials=0",
    "training={budget_steps=100,max_steps=101}",
)
AVERAGED = ("wrong labels", "labels - Bayes", "risk", "excess", "two rules")
Draw = Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""(number, generator) to component `(n,)` and standard normals `(n, d)`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Law:
    """A mixture of isotropic Gaussians that weigh the same, in the population's coordinates.

    Attributes:
        means: `(C, d)`.
        sd: `(C,)`.
        labels: `(C,)`.
        shape: of one example.
    """

    means: np.ndarray
    sd: np.ndarray
    labels: np.ndarray
    shape: tuple[int, ...]

    def __call__(self, component: np.ndarray, normals: np.ndarray) -> np.ndarray:
        x = self.means[component] + self.sd[component, None] * normals
        return x.reshape(len(x), *self.shape)


def law_of(name: str, held: dict[str, float]) -> Law:
    """The benchmark's own, so that a draw can be laid out in other ways than the engine's."""
    if name == "xor":
        corners = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
        return Law(
            means=corners,
            sd=np.full(4, held["sigma"]),
            labels=np.array([0, 0, 1, 1]),
            shape=(2,),
        )
    size = int(held["size"])
    return Law(
        means=np.repeat([[held["mu0"]], [held["mu1"]]], size**2, axis=1),
        sd=np.array([held["sigma0"], held["sigma1"]]),
        labels=np.array([0, 1]),
        shape=(1, size, size),
    )


def draws_of(law: Law) -> dict[str, Draw]:
    """The ways to draw, by name."""
    num_components, dim = law.means.shape

    def independent(num: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return rng.integers(0, num_components, num), rng.standard_normal((num, dim))

    def antithetic(num: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        component, normals = independent(num // 2, rng)
        return np.tile(component, 2), np.concatenate([normals, -normals])

    def stratified(num: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return np.arange(num) % num_components, rng.standard_normal((num, dim))

    def sobol(num: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        points = qmc.Sobol(dim + 1, scramble=True, rng=rng).random(num)
        # a point on the cube's face has no normal
        normals = norm.ppf(points[:, 1:].clip(1e-12, 1 - 1e-12))
        return (points[:, 0] * num_components).astype(int), normals

    return {
        "independent": independent,
        "antithetic": antithetic,
        "stratified": stratified,
        "Sobol": sobol,
    }


def measured_trials() -> list[TrialSpec]:
    """Two of each cell."""
    trials = planned_trials(read_spec("smoke", list(SETTINGS)))
    return [trial for trial in trials if trial.role == "measure"]


def networks(family: str, law: str) -> tuple[list[Decides], Population]:
    """Two measured rules of a cell, at T, and its law."""
    found: list[Decides] = []
    for trial in measured_trials():
        if (trial.cell.family, trial.population_name) == (family, law):
            experiment = Experiment(to_trial(trial, "."))
            while "risk" not in experiment.outcome.metrics:  # R_n(T) is scored before the rest
                experiment.advance()
            found.append(experiment.model)
            population = experiment.population
    return found, population


def means_of(
    models: list[Decides], population: Population, law: Law, family: str, drawn: Draw, seed: int
) -> dict[str, float]:
    """One draw's means of everything that can be averaged."""
    rng = np.random.default_rng([seed, 3])
    component, normals = drawn(SIZE, rng)
    x, labels = law(component, normals), law.labels[component]
    eta, places = population.posterior(x), np.arange(SIZE)
    chosen = [_decisions(model, as_seen(population, family, x)) for model in models]
    risk, other = (1 - eta[places, said] for said in chosen)
    bayes, bayes_wrong = 1 - eta.max(axis=1), eta.argmax(axis=1) != labels
    wrong = chosen[0] != labels
    return {
        "wrong labels": float(wrong.mean()),
        "labels - Bayes": float((wrong.astype(float) - bayes_wrong).mean()),
        "risk": float(risk.mean()),
        "excess": float((risk - bayes).mean()),
        "Bayes": float(bayes.mean()),
        "two rules": float((risk - other).mean()),
        "of one excess": float((risk - bayes).var()),
        "of one two rules": float((risk - other).var()),
    }


def _decisions(model: Decides, inputs: torch.Tensor) -> np.ndarray:
    model.eval()
    with torch.no_grad():
        return torch.cat([model.predict(part) for part in inputs.split(2_048)]).numpy()


def tell(family: str, name: str, held: dict[str, float], replications: int) -> None:
    """A line a way to draw."""
    law = law_of(name, held)
    models, population = networks(family, name)
    base: dict[str, float] = {}
    for way, drawn in draws_of(law).items():
        rows = [
            means_of(models, population, law, family, drawn, seed) for seed in range(replications)
        ]
        values = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        if not base:  # of independent examples every draw says what its mean varies by
            for key in ("excess", "two rules"):
                base[key] = float(values[f"of one {key}"].mean()) / SIZE
        covariance = np.cov(values["risk"], values["Bayes"])
        left = covariance[0, 0] - covariance[0, 1] ** 2 / covariance[1, 1]
        variances = {key: float(values[key].var(ddof=1)) for key in AVERAGED}
        variances["excess, best b"] = float(left) * (replications - 1) / (replications - 2)
        told = " · ".join(
            f"{k} {v / base.get(k, base['excess']):.3g}" for k, v in variances.items()
        )
        mean, se = values["excess"].mean(), values["excess"].std(ddof=1) / replications**0.5
        print(f"{family:<6} {name:<15} {way:<11} {told} | mean {mean:.5f} ({se:.5f})", flush=True)
    engine = 196 * (base["excess"] * SIZE / 10_000) ** 0.5
    print(f"{family:<6} {name:<15} half-width of the engine's 10,000 examples: {engine:.2f} points")


def main() -> None:
    """Reads the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replications", type=int, default=60)
    parser.add_argument("--family", default=None, help="default: all")
    parser.add_argument("--law", default=None, help="default: all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cells = {
        (t.cell.family, t.population_name): dict(t.population_parameters) for t in measured_trials()
    }
    for (family, law), held in cells.items():
        if options.family in (None, family) and options.law in (None, law):
            tell(family, law, held, options.replications)


if __name__ == "__main__":
    main()
