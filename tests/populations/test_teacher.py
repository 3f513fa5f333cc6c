"""Teachers: labels, known posteriors, Bayes risks by another path, refusals, and no torch early."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import multivariate_normal, norm

from classcomp.distortions import DISTORTIONS, NEUTRAL, distort
from classcomp.models import build, count_parameters
from classcomp.populations import make
from classcomp.teachers import frozen, teacher_on
from classcomp.teachers.population import TEACHING_FAMILIES, Teacher

IMAGES = {
    "name": "gaussian_images",
    "mu0": 0.0,
    "mu1": 0.3,
    "sigma0": 1.0,
    "sigma1": 1.2,
    "size": 4,
}
SMALL = {"family": "vgg", "size": 4}


def draw(population: Teacher, num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    sample = population.sample(num, np.random.default_rng(seed))
    return sample.x, sample.labels


@pytest.mark.parametrize(
    ("parameters", "label"),
    [
        ({"family": "vgg"}, "teacher(family=vgg, depth=1, size=8, seed=0)"),
        (
            {"family": "linear", "depth": 2, "size": 4, "temperature": 2, "seed": 3},
            "teacher(family=linear, depth=2, size=4, temperature=2, seed=3)",
        ),
        (
            {"family": "linear", "trained_on": "xor"},
            "teacher(family=linear, depth=1, seed=0, trained_on=xor(sigma=0.5))",
        ),
        (
            {"family": "resnet", "size": 4, "trained_on": IMAGES},
            "teacher(family=resnet, depth=1, seed=0, trained_on=gaussian_images("
            "mu0=0, mu1=0.3, sigma0=1, sigma1=1.2, size=4, prior=0.5))",
        ),
    ],
)
def test_labels_are_canonical(parameters: dict, label: str) -> None:
    population = make("teacher", **parameters)
    assert population.label == label
    assert pickle.loads(pickle.dumps(population)) == population


def test_describing_a_teacher_loads_no_torch() -> None:
    code = (
        "import sys\n"
        "from classcomp.populations import make\n"
        "from classcomp.distortions import distort\n"
        f"law = make('teacher', family='resnet', trained_on={IMAGES!r})\n"
        "law = distort(distort(law, 'imbalance', 0.8), 'label_noise', 0.1)\n"
        "assert law.vector_shape == (16,) and law.image_shape == (1, 4, 4)\n"
        "assert 'torch' not in sys.modules\n"
        "law.bayes_risk\n"
        "import numpy as np\n"
        "make('teacher', family='linear', size=4).posterior(np.zeros((1, 1, 4, 4)))\n"
        "assert 'torch' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("family", TEACHING_FAMILIES)
def test_a_random_teacher_is_as_hard_in_every_family(family: str) -> None:
    population = make("teacher", family=family, size=8, seed=2)
    x, labels = draw(population, 4_000)
    eta = population.posterior(x)
    assert x.shape == (4_000, 1, 8, 8)
    assert x.dtype == np.float32
    np.testing.assert_allclose(eta.sum(axis=1), 1, atol=1e-12)
    odds = np.log(eta[:, 1] / eta[:, 0])
    assert odds.mean() == pytest.approx(0, abs=0.25)
    assert odds.std() == pytest.approx(3, abs=0.15)
    floor = 1 - eta.max(axis=1).mean()
    assert floor == pytest.approx(0.166, abs=0.02)
    # The labels drawn are wrong as often as the posterior says.
    assert (labels != eta.argmax(axis=1)).mean() == pytest.approx(floor, abs=0.025)


def test_labels_follow_the_posterior() -> None:
    """In ten bins of 2,000 a share's standard error is .011 at most."""
    population = make("teacher", **SMALL)
    x, labels = draw(population, 20_000)
    one = population.posterior(x)[:, 1]
    for part in np.array_split(np.argsort(one), 10):
        assert labels[part].mean() == pytest.approx(one[part].mean(), abs=0.045)


def linear_teacher(**parameters: object) -> tuple[Teacher, np.ndarray, float]:
    """A linear teacher, its normal vector and offset: log-odds are N(offset, |normal|^2)."""
    population = make("teacher", family="linear", size=4, **parameters)
    points = np.concatenate([np.zeros((1, 16)), np.eye(16)]).reshape(17, 1, 4, 4)
    odds = np.diff(np.log(population.posterior(points)), axis=1)[:, 0]
    return population, odds[1:] - odds[0], float(odds[0])


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("odds", [1.0, 4.0])
def test_bayes_risk_by_quadrature(temperature: float, odds: float) -> None:
    """Of a linear teacher log-odds are normal, so that its Bayes risk is one integral."""
    base, normal, offset = linear_teacher(temperature=temperature)
    law = norm(offset, np.linalg.norm(normal))

    def joint(t: float) -> np.ndarray:
        return law.pdf(t) * np.array([expit(-t), odds * expit(t)])

    lost = quad(lambda t: joint(t).min(), -40, 40, points=[-np.log(odds)], limit=200)[0]
    mass = quad(lambda t: joint(t).sum(), -40, 40, limit=200)[0]
    one = quad(lambda t: joint(t)[1], -40, 40, limit=200)[0]
    population = base.with_imbalance(odds)
    found = population.bayes_risk()
    assert 0 < found.standard_error < 7e-4
    assert found.value == pytest.approx(lost / mass, abs=4 * found.standard_error)
    assert population.prior[1] == pytest.approx(one / mass, abs=0.008)


def test_imbalance_keeps_each_class_as_it_is() -> None:
    """Among sampled examples of one class the odds change nothing, and their share is `prior`."""
    base, normal, _ = linear_teacher()
    tilted = base.with_imbalance(4.0)
    (x, y), (xt, yt) = draw(base, 20_000), draw(tilted, 20_000, seed=1)
    assert yt.mean() == pytest.approx(tilted.prior[1], abs=0.015)
    for k in (0, 1):
        along, along_tilted = (v.reshape(len(v), -1) @ normal for v in (x[y == k], xt[yt == k]))
        assert along_tilted.mean() == pytest.approx(along.mean(), abs=0.15)
    eta, tilted_eta = base.posterior(x), tilted.posterior(x)
    np.testing.assert_allclose(
        tilted_eta[:, 1] / tilted_eta[:, 0], 4 * eta[:, 1] / eta[:, 0], rtol=1e-9
    )


def test_density_is_the_inputs() -> None:
    population, normal, offset = linear_teacher()
    x, _ = draw(population, 50)
    density = multivariate_normal(np.zeros(16), np.eye(16)).pdf(x.reshape(50, -1))
    np.testing.assert_allclose(population.log_density(x), np.log(density), atol=1e-5)
    law = norm(offset, np.linalg.norm(normal))
    mass = quad(lambda t: law.pdf(t) * (expit(-t) + 3 * expit(t)), -40, 40, limit=200)[0]
    one = expit(offset + x.reshape(50, -1) @ normal)
    tilted = density * (1 - one + 3 * one) / mass
    found = population.with_imbalance(3.0).log_density(x)
    np.testing.assert_allclose(found, np.log(tilted), atol=0.01)


@pytest.mark.parametrize("distortion", DISTORTIONS)
def test_neutral_severity_changes_nothing(distortion: str) -> None:
    population = make("teacher", **SMALL)
    assert distort(population, distortion, NEUTRAL[distortion]) is population
    assert population.with_feature_noise(0.0) is population
    assert population.with_overlap(0.0) is population
    assert population.with_imbalance(1.0) == population.with_label_noise(0.0) == population


def test_label_noise_is_the_training_sample_s() -> None:
    population = make("teacher", **SMALL)
    noisy = population.with_label_noise(0.2).with_label_noise(0.1)
    assert noisy.label_noise == pytest.approx(0.8 * 0.1 + 0.2 * 0.9)
    assert (draw(noisy, 100)[1] == draw(population, 100)[1]).all()
    assert noisy.bayes_risk() == population.bayes_risk()


def test_a_seed_fixes_the_law_and_another_gives_another() -> None:
    first, x = make("teacher", **SMALL), draw(make("teacher", **SMALL), 64)[0]
    before = first.posterior(x)
    frozen.frozen.cache_clear()
    np.testing.assert_array_equal(first.posterior(x), before)
    assert np.abs(make("teacher", seed=1, **SMALL).posterior(x) - before).max() > 0.1
    # However many are asked for.
    np.testing.assert_allclose(first.posterior(x[:3]), before[:3], atol=1e-6)


@pytest.mark.parametrize(
    ("family", "depth"), [("linear", 2), ("vgg", 1), ("resnet", 2), ("unet", 1)]
)
@pytest.mark.parametrize("odds", [1.0, 3.0])
def test_a_student_with_the_teacher_s_weights_loses_nothing(
    family: str, depth: int, odds: float
) -> None:
    """Built as students are, at the width they get: the Bayes rule is in the family.

    Under imbalance the last layer's bias takes the odds, which it can.
    """
    population = make("teacher", family=family, depth=depth, temperature=2.0).with_imbalance(odds)
    is_image = family != "linear"
    student = build(
        family,
        depth=depth,
        input_shape=population.image_shape if is_image else population.vector_shape,
        num_classes=2,
        hyperparameters={},
        generator=torch.Generator().manual_seed(99),
    )
    student.load_state_dict(frozen.frozen(population.network).state_dict())
    with torch.no_grad():
        student.classifier.bias[1] += 2.0 * np.log(odds)
    x, _ = draw(population, 2_000)
    eta = population.posterior(x)
    shown = torch.from_numpy(population.images(x) if is_image else population.vectors(x))
    chosen = student.eval().predict(shown).numpy()
    excess = eta.max(axis=1) - eta[np.arange(len(eta)), chosen]
    assert excess.max() < 1e-5  # rounding, at the boundary alone
    assert (excess == 0).mean() > 0.999
    untaught = 1 - chosen
    assert (eta.max(axis=1) - eta[np.arange(len(eta)), untaught]).mean() > 0.1


@pytest.mark.slow
def test_a_teacher_on_a_law_is_near_its_posterior_and_draws_its_inputs() -> None:
    law = make(**IMAGES)
    distorted = law.with_imbalance(3.0)
    taught = teacher_on(distorted, family="vgg", depth=1, seed=4)
    x, _ = draw(taught, 5_000)
    true, own = distorted.posterior(x), taught.posterior(x)
    divergence = (true * np.log(true / own)).sum(axis=1).mean()
    assert divergence < 0.02
    assert (distorted.prior * np.log(distorted.prior)).sum() - (true * np.log(true)).sum(
        axis=1
    ).mean() < -0.1  # what there was to learn
    assert taught.bayes_risk().value == pytest.approx(distorted.bayes_risk().value, abs=0.02)
    np.testing.assert_array_equal(taught.log_density(x), distorted.log_density(x))


def test_a_teacher_has_the_capacity_of_its_students() -> None:
    """And is what it was where none is asked for, its label included."""
    law = make(**IMAGES)
    plain, small = (teacher_on(law, family="vgg", depth=2, capacity=c) for c in (1.0, 0.25))
    assert plain == teacher_on(law, family="vgg", depth=2)
    assert "capacity" not in plain.label
    assert "capacity=0.25" in small.label
    sizes = [count_parameters(frozen._built(taught.network)) for taught in (plain, small)]
    assert sizes == [pytest.approx(16_000, rel=0.1), pytest.approx(4_000, rel=0.1)]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"family": "vae_svm"}, "family = 'vae_svm': teachers are linear, vgg"),
        ({"family": "forest"}, "family = 'forest'"),
        ({"family": "vgg", "depth": 9}, "depth = 9"),
        ({"family": "vgg", "size": 3}, "size = 3"),
        ({"family": "vgg", "temperature": 0}, "temperature = 0"),
        ({"family": "vgg", "seed": -1}, "seed = -1"),
        ({"family": "vgg", "trained_on": 3}, "trained_on = 3"),
        ({"family": "vgg", "trained_on": "nothing"}, "'nothing' is unknown"),
        ({"family": "vgg", "trained_on": "digits"}, "its posterior must be known"),
        ({"family": "vgg", "size": 8, "trained_on": IMAGES}, "size = 8"),
        (
            {"family": "vgg", "trained_on": {"name": "xor", "rendering": "none"}},
            "vgg takes images",
        ),
    ],
)
def test_bad_parameters_are_one_line(parameters: dict, said: str) -> None:
    with pytest.raises(ValueError, match="teacher: ") as caught:
        make("teacher", **parameters)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damage_that_would_lose_the_posterior_is_refused() -> None:
    population = make("teacher", **SMALL)
    with pytest.raises(ValueError, match=r"feature_noise = 0\.5"):
        distort(population, "feature_noise", 0.5)
    with pytest.raises(ValueError, match=r"overlap = 0\.5"):
        distort(population, "overlap", 0.5)
