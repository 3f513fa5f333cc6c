"""The search for the best rule: its losses, its schedule, its determinism, what it reaches."""

import itertools

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax
from scipy.stats import norm
from torch import Tensor

from classcomp.models import build
from classcomp.models.base import Classifier
from classcomp.populations import make
from classcomp.training.best_in_class import (
    LOG_ODDS_FLOOR,
    NUM_STATISTICS,
    PASS_SIZE,
    SHARPNESS,
    Search,
    SearchPhase,
    log_odds_loss,
    schedule,
    zero_one_loss,
)
from classcomp.training.loop import DivergedError


def network(family: str = "linear", shape: tuple[int, ...] = (2,), seed: int = 0) -> Classifier:
    model = build(
        family,
        depth=1,
        input_shape=shape,
        num_classes=2,
        hyperparameters={"width": 4},
        generator=torch.Generator().manual_seed(seed),
    )
    assert isinstance(model, Classifier)
    return model


def draw_xor(num: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    law = make("xor", sigma=0.5)
    x = law.sample(num, rng).x
    return torch.from_numpy(law.vectors(x)), torch.from_numpy(law.posterior(x)).float()


def draw_images(num: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    law = make("gaussian_images", mu0=0.0, mu1=0.3, sigma0=1.0, sigma1=1.5, size=4)
    x = law.sample(num, rng).x
    return torch.from_numpy(law.images(x)), torch.from_numpy(law.posterior(x)).float()


def some_logits(num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(50, num_classes)), softmax(rng.normal(size=(50, num_classes)), axis=1)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_log_odds_loss_is_nothing_at_the_posterior_whatever_the_shift(num_classes: int) -> None:
    logits, eta = some_logits(num_classes)
    shifted = np.log(eta) + logits[:, :1]
    assert float(log_odds_loss(*tensors(shifted, eta))) == pytest.approx(0, abs=1e-12)
    centred = [v - v.mean(axis=1, keepdims=True) for v in (logits, np.log(eta))]
    gap = np.abs(centred[0] - centred[1])
    huber = np.where(gap < 2, gap**2 / 4, gap - 1)
    assert float(log_odds_loss(*tensors(logits, eta))) == pytest.approx(huber.mean())


def test_log_odds_of_a_certain_class_are_finite() -> None:
    wanted = np.log(1 / LOG_ODDS_FLOOR)
    logits = torch.tensor([[wanted / 2, -wanted / 2]])
    loss = log_odds_loss(logits, torch.tensor([[1.0, 0.0]]))
    assert float(loss) == pytest.approx(0, abs=1e-6)


def test_zero_one_loss_is_a_risk_and_knows_no_scale() -> None:
    logits, eta = some_logits(3)
    centred = logits - logits.mean(axis=1, keepdims=True)
    p = np.exp(log_softmax(SHARPNESS * centred / np.sqrt((centred**2).mean()), axis=1))
    right = (eta * p).sum(axis=1).mean()
    for scale in (1.0, 1e-3, 1e3):
        found = float(zero_one_loss(*tensors(scale * logits, eta)))
        assert found == pytest.approx(1 - right, abs=1e-5)
    decided = np.eye(3)[logits.argmax(axis=1)] * 2 - 1  # as good as without doubt
    chosen = eta[np.arange(50), logits.argmax(axis=1)].mean()
    assert float(zero_one_loss(*tensors(decided, eta))) == pytest.approx(1 - chosen, abs=0.01)


def test_zero_one_loss_of_a_constant_network_has_a_gradient_that_is_finite() -> None:
    logits = torch.zeros(4, 2, requires_grad=True)
    zero_one_loss(logits, torch.tensor([[0.9, 0.1]] * 4)).backward()
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())


def tensors(*arrays: np.ndarray) -> list[Tensor]:
    return [torch.from_numpy(array) for array in arrays]


@pytest.mark.parametrize(("family", "shape"), [("linear", (16,)), ("vgg", (1, 4, 4))])
@pytest.mark.parametrize("num", [100, 16_000, 100_001])
def test_a_schedule_costs_what_it_may_and_ends_at_rate_zero(
    family: str, shape: tuple[int, ...], num: int
) -> None:
    phases = schedule(network(family, shape), num)
    assert sum(phase.num_examples for phase in phases) == num
    assert phases[-1].loss == "zero_one"
    assert phases[-1].rate_to == 0
    for before, after in itertools.pairwise(phases):
        assert before.rate_to == after.rate_from
        assert before.batch_size <= after.batch_size


def test_what_is_drawn_is_fresh_and_as_much_as_is_asked() -> None:
    seen: list[Tensor] = []

    def draw(num: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        inputs, targets = draw_xor(num, rng)
        seen.append(inputs)
        return inputs, targets

    model = network()
    num = 2 * PASS_SIZE + 7
    run = Search(model, draw=draw, phases=schedule(model, num), seed=3)
    stats = [run.advance() for _ in range(run.num_passes)]
    assert run.finished
    assert sum(s.num_examples for s in stats) == num == len(torch.cat(seen).unique(dim=0))
    # A half, 8,195, in batches of 64 over two passes; the rest, 8,196, in batches of 256.
    assert [s.num_steps for s in stats] == [128, 1, 32, 1]


@pytest.mark.parametrize(
    ("family", "shape", "draw"),
    [("linear", (2,), draw_xor), ("vgg", (1, 4, 4), draw_images)],
    ids=["linear", "vgg"],
)
def test_an_interrupted_search_ends_where_it_would_have(family, shape, draw, tmp_path) -> None:
    phases = (
        SearchPhase(
            loss="log_odds", num_examples=9_000, batch_size=256, rate_from=0.02, rate_to=0.01
        ),
        SearchPhase(
            loss="zero_one", num_examples=1_000, batch_size=256, rate_from=0.01, rate_to=0.0
        ),
    )
    straight = network(family, shape)
    run = Search(straight, draw=draw, phases=phases, seed=5)
    assert run.num_passes == 3
    while not run.finished:
        run.advance()

    first = network(family, shape)
    run = Search(first, draw=draw, phases=phases, seed=5)
    run.advance()
    torch.save((first.state_dict(), run.state_dict()), tmp_path / "saved")
    second = network(family, shape, seed=8)
    run = Search(second, draw=draw, phases=phases, seed=5)
    weights, state = torch.load(tmp_path / "saved", weights_only=True)
    second.load_state_dict(weights)
    run.load_state_dict(state)
    while not run.finished:
        run.advance()
    for name, value in straight.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    assert any(
        not torch.equal(value, first.state_dict()[name])
        for name, value in straight.state_dict().items()
    )


def test_a_loss_that_is_not_finite_is_said() -> None:
    def draw(num: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        inputs, targets = draw_xor(num, rng)
        return inputs * torch.inf, targets

    model = network()
    with pytest.raises(DivergedError, match="the training loss became nan"):
        Search(model, draw=draw, phases=schedule(model, 64), seed=0).advance()


@pytest.mark.slow
@pytest.mark.parametrize(("sigma", "best"), [(0.5, 0.3045570), (1.0, 0.4101631)])
def test_the_best_line_on_xor_is_found(sigma: float, best: float) -> None:
    """Which cross-entropy cannot: there a constant is best. Its risk is exact: scores are normal.

    The network is as wide as students are.
    """
    law = make("xor", sigma=sigma)

    def draw(num: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        x = law.sample(num, rng).x
        return torch.from_numpy(law.vectors(x)), torch.from_numpy(law.posterior(x)).float()

    model = build(
        "linear",
        depth=1,
        input_shape=(2,),
        num_classes=2,
        hyperparameters={},
        generator=torch.Generator().manual_seed(1),
    )
    assert isinstance(model, Classifier)
    run = Search(model, draw=draw, phases=schedule(model, 64_000), seed=1)
    while not run.finished:
        run.advance()
    with torch.no_grad():
        said = model(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).double().diff(dim=1)
    offset = float(said[0])
    normal = (said[1:, 0] - offset).numpy()
    means = np.array([[1, 1], [-1, -1], [1, -1], [-1, 1]])
    one = norm.cdf((means @ normal + offset) / (sigma * np.linalg.norm(normal)))
    risk = (one[:2].sum() + (1 - one[2:]).sum()) / 4
    assert best - 1e-7 < risk < best + 0.002


@pytest.mark.slow
def test_a_network_comes_near_the_bayes_rule() -> None:
    """Of a wide law, from few examples: within a point, where a coin loses forty."""
    model = build(
        "vgg",
        depth=1,
        input_shape=(1, 4, 4),
        num_classes=2,
        hyperparameters={},
        generator=torch.Generator().manual_seed(1),
    )
    assert isinstance(model, Classifier)
    run = Search(model, draw=draw_images, phases=schedule(model, 16_000), seed=1)
    while not run.finished:
        run.advance()
    inputs, eta = draw_images(10_000, np.random.default_rng(9))
    with torch.no_grad():
        chosen = model.eval().predict(inputs)
    lost = eta.max(dim=1).values - eta[torch.arange(len(eta)), chosen]
    assert float(lost.mean()) < 0.01
    assert expit(0.0) - float((1 - eta.max(dim=1).values).mean()) > 0.25


def test_a_bad_last_batch_decides_nothing() -> None:
    """The statistics that a rule decides by are those of many inputs, and stand still at its end.

    Drawn at the last passes, one input in the place of all would move a moving average at once.
    """
    model = network("vgg", (1, 4, 4))

    def draw(num: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        inputs, targets = draw_images(num, rng)
        is_last = run.done == run.num_passes - 1 and num < NUM_STATISTICS
        return (inputs[:1].expand_as(inputs) + 100.0 if is_last else inputs), targets

    run = Search(model, draw=draw, phases=schedule(model, 4_000), seed=2)
    while not run.finished:
        run.advance()
    (layer, *_) = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert layer.running_mean is not None
    assert layer.running_mean.abs().max() < 10
    assert layer.momentum is not None
    assert not model.training
