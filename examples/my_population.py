"""A population of your own: a law with its Bayes risk. `python examples/my_population.py`

Any mixture of Gaussians needs no code at all: in a study file it is

    [[populations]]
    name = "gaussians"
    means = [[-2.0, 0.0], [0.0, 0.0], [2.0, 0.0]]
    covariances = [0.25, 0.25, 0.25]
    labels = [0, 1, 0]

What is below gives such a law a name and a parameter. Adding it to POPULATIONS here holds in this
process only: the workers of `python -m study.run` import the registry by themselves, so for a
whole study one line belongs into `classcomp/populations/__init__.py`. A law that is no mixture
of Gaussians is a class with the methods of `classcomp.populations.Population`.
"""

from dataclasses import replace

from classcomp.experiment import run
from classcomp.populations import POPULATIONS, GaussianMixture, gaussians
from classcomp.trial import STREAMS, Trial
from search_spaces import SPACES


def sandwich(gap: float = 2.0) -> GaussianMixture:
    """Class 1 between two halves of class 0, `gap` to either side, standard deviation 1/2."""
    law = gaussians(
        means=[[-gap, 0.0], [0.0, 0.0], [gap, 0.0]],
        covariances=[0.25, 0.25, 0.25],
        labels=[0, 1, 0],
        rendering="none",
    )
    return replace(law, label=f"sandwich(gap={gap:g})")


def main() -> None:
    """Run one trial on it: no affine rule can separate the classes."""
    POPULATIONS["sandwich"] = sandwich
    trial = Trial(
        role="measure",
        family="linear",
        depth=1,
        population_name="sandwich",
        population_parameters={"gap": 2.0},
        num_train=128,
        budget=10,
        most=20,
        hyperparameters=SPACES["linear"].defaults,
        streams=dict.fromkeys(STREAMS, 0),
    )
    metrics = run(trial).metrics
    print(f"Bayes risk {metrics['bayes_risk']:.3f}, linear network {metrics['risk']:.3f}")


if __name__ == "__main__":
    main()
