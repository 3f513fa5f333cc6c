"""What every family must keep, whatever it is for."""

import copy
import math
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor

from classcomp.models import (
    Batch,
    Model,
    OwnFamily,
    build,
    count_parameters,
    family_of,
    meets_budget,
    parameter_budget,
)
from classcomp.models.base import Decides, Encodes
from classcomp.models.own import has_matched_width
from classcomp.training.loop import Trainer
from classcomp.training.stacked import run_stacked_pass, why_not
from classcomp.trial import Network

# (depth, input_shape, num_classes): every depth, size, channel and class number, not every
# combination. 13 is odd; 28 is no power of two; depth 5 outlasts the pooling of all but 64.
IMAGE_GRID = (
    (1, (1, 8, 8), 2),
    (2, (3, 8, 8), 10),
    (3, (1, 13, 13), 10),
    (4, (3, 13, 13), 2),
    (5, (1, 8, 8), 10),
    (5, (1, 28, 28), 2),
    (2, (3, 28, 28), 10),
    (1, (3, 64, 64), 10),
    (5, (3, 64, 64), 2),
    (3, (1, 13, 9), 3),
)
VECTOR_GRID = ((1, (1,), 2), (2, (2,), 10), (3, (64,), 3), (4, (784,), 10), (5, (2,), 2))
BUDGET_SHAPES = (((1, 8, 8), 2), ((3, 64, 64), 10))


M = TypeVar("M", bound=Model)


def generator(seed: int) -> torch.Generator:
    """Return a CPU generator."""
    return torch.Generator().manual_seed(seed)


def make(
    family: str,
    depth: int,
    shape: tuple[int, ...],
    classes: int,
    seed: int = 0,
    *,
    network: Network | None = None,
    **hyperparameters: Any,
) -> Model:
    """Return a family's network; hyperparameters left out keep their defaults."""
    return build(
        family,
        network=network,
        depth=depth,
        input_shape=shape,
        num_classes=classes,
        hyperparameters=hyperparameters,
        generator=generator(seed),
    )


def random_batch(num: int, shape: tuple[int, ...], classes: int) -> tuple[Tensor, Tensor]:
    """Return standard normal inputs and labels in which every class occurs."""
    return torch.randn(num, *shape, generator=generator(7)), torch.arange(num) % classes


def batch_of(inputs: Tensor, labels: Tensor, targets: Tensor | None = None) -> Batch:
    """Return a whole sample as a batch."""
    index = torch.arange(len(labels))
    return Batch(inputs=inputs, labels=labels, index=index, targets=targets)


def fit(
    model: Model,
    inputs: Tensor,
    labels: Tensor,
    *,
    steps: int,
    lr: float = 3e-3,
    targets: Tensor | None = None,
) -> None:
    """Train each stage with full-batch Adam, a classifier until it errs no more; fit the head."""
    for stage in model.stages():
        objectives = stage.objectives()
        optimizers = [torch.optim.Adam(objective.parameters, lr=lr) for objective in objectives]
        for step in range(steps):
            stage.train()
            for objective, optimizer in zip(objectives, optimizers, strict=True):
                optimizer.zero_grad()
                batch = batch_of(inputs, labels, targets)
                objective.loss(batch, generator(step)).backward()
                optimizer.step()
            is_checked = isinstance(stage, Decides) and not stage.needs_head and step % 20 == 19
            if is_checked and risk(stage, inputs, labels) == 0:
                break
    model.fit_head(inputs, labels, generator(0))


@torch.no_grad()
def risk(model: Model, inputs: Tensor, labels: Tensor) -> float:
    """Return the share of wrong decisions, in evaluation mode."""
    assert isinstance(model, Decides)
    model.eval()
    return (model.predict(inputs) != labels).double().mean().item()


class ModelContract(Generic[M]):
    """What all contracts share; inherit one of a task's.

    For a network of your own `family` is any name, `network` says where it is defined, and
    `hyperparameters` are what its constructor needs. What cannot be asked of it is skipped: a
    budget where it has no matched width, gradients where it is fitted and not trained.
    """

    family: str
    kind: type[M]  # of what the family's networks are
    network: Network | None = None
    hyperparameters: Mapping[str, Any] = {}
    grid: tuple[tuple[int, tuple[int, ...], int], ...] = IMAGE_GRID
    budget_shapes: tuple[tuple[tuple[int, ...], int], ...] = BUDGET_SHAPES
    shape: tuple[int, ...] = (1, 8, 8)  # of the tests that need one shape only
    wrong_shape: tuple[int, ...] = (2,)

    def output(self, model: Model, inputs: Tensor) -> Tensor:
        """Return what the family's task looks at, an entry for each example."""
        raise NotImplementedError

    def targets(self, inputs: Tensor) -> Tensor | None:
        """Return what is to be learned of inputs, where that is more than their classes."""
        return None

    def make(
        self,
        depth: int,
        shape: tuple[int, ...],
        classes: int,
        seed: int = 0,
        **hyperparameters: Any,
    ) -> M:
        """Return a network of the family."""
        given = {**self.hyperparameters, **hyperparameters}
        model = make(self.family, depth, shape, classes, seed, network=self.network, **given)
        assert isinstance(model, self.kind)
        return model

    def ready(
        self,
        shape: tuple[int, ...] | None = None,
        classes: int = 3,
        depth: int = 2,
        seed: int = 0,
    ) -> tuple[M, Tensor, Tensor]:
        """Return an untrained network with a fitted head, in evaluation mode, and its batch."""
        inputs, labels = random_batch(12, shape or self.shape, classes)
        model = self.make(depth, shape or self.shape, classes, seed)
        model.train()
        for objective in model.objectives():  # running statistics leave their start
            objective.loss(batch_of(inputs, labels, self.targets(inputs)), generator(1))
        model.fit_head(inputs, labels, generator(2))
        return model.eval(), inputs, labels

    def test_loss_is_a_finite_scalar_whose_gradient_reaches_every_parameter(self) -> None:
        for depth, shape, classes in self.grid:
            inputs, labels = random_batch(12, shape, classes)
            model = self.make(depth, shape, classes)
            assert model.stages()[-1] is model
            if not model.objectives():
                pytest.skip("fitted, not trained")
            for stage in model.stages():
                stage.train().zero_grad()
                batch = batch_of(inputs, labels, self.targets(inputs))
                loss = stage.loss(batch, generator(0))
                assert loss.shape == ()
                assert math.isfinite(loss.item())
                loss.backward()
                for name, parameter in stage.named_parameters():
                    case = f"{name} at depth={depth} shape={shape} classes={classes}"
                    assert parameter.grad is not None, case
                    assert torch.isfinite(parameter.grad).all(), case
                    assert parameter.grad.abs().max() > 0, case

    def test_stacked_seeds_train_as_they_do_one_by_one(self) -> None:
        """In float64, since Adam enlarges a rounding error where a gradient is 0."""
        alone, together = ([self.trainer(seed) for seed in range(3)] for _ in range(2))
        batches = [self.double_batch(seed) for seed in range(3)]
        if (reason := why_not(together[0].stage, batches[0])) is not None:
            pytest.skip(f"seeds cannot be stacked: {reason}")
        for rate_to in (0.5, 1.0):
            asked: dict[str, Any] = {"batch_size": 8, "rate_to": rate_to}
            expected = [t.run_pass(b, **asked) for t, b in zip(alone, batches, strict=True)]
            found = run_stacked_pass(together, batches, **asked)
            for one, other in zip(expected, found, strict=True):
                assert (other.num_steps, other.num_examples) == (one.num_steps, one.num_examples)
                assert other.loss == pytest.approx(one.loss, rel=1e-6)  # a sum in float32
                assert other.gradient_norm == pytest.approx(one.gradient_norm, rel=1e-9)
        for pair in zip(together, alone, strict=True):
            states = [(t.stage.state_dict(), t.state_dict()["optimizers"]) for t in pair]
            torch.testing.assert_close(*states, rtol=1e-9, atol=1e-11)

    def trainer(self, seed: int) -> Trainer:
        """Return one of a network's first stage in float64."""
        stage = self.make(1, self.shape, 3, seed).double().stages()[0]
        if not stage.objectives():
            pytest.skip("fitted, not trained")
        stage.prepare(self.double_batch(seed).inputs)
        noise = generator(seed)
        return Trainer(stage, learning_rate=0.01, weight_decay=0.1, noise=noise)

    def double_batch(self, seed: int) -> Batch:
        """Return 24 examples of three classes in float64, of a seed's own."""
        inputs = torch.randn(24, *self.shape, generator=generator(seed)).double()
        return batch_of(inputs, torch.arange(24) % 3, self.targets(inputs))

    def test_same_seed_same_result_bitwise_and_other_seed_another(self) -> None:
        (first, inputs, _), (second, _, _), (other, _, _) = (self.ready(seed=s) for s in (0, 0, 1))
        twin = second.state_dict()
        for name, a in first.state_dict().items():
            assert torch.equal(a, twin[name]), name
        with torch.no_grad():
            assert torch.equal(self.output(first, inputs), self.output(second, inputs))
            if first.objectives():  # what is fitted need not draw at all
                assert isinstance(first, Encodes)
                assert isinstance(other, Encodes)
                assert not torch.equal(first.features(inputs), other.features(inputs))

    def test_every_parameter_and_buffer_is_initialised(self) -> None:
        # Two buildings from one seed agree bitwise even if memory left behind differs.
        first = self.make(3, self.shape, 2)
        junk = [torch.full_like(value, math.nan) for value in first.state_dict().values()
                if value.is_floating_point()]  # fmt: skip
        del junk
        second = self.make(3, self.shape, 2)
        twin = second.state_dict()
        for name, a in first.state_dict().items():
            assert torch.equal(a, twin[name]), name
            assert torch.isfinite(a).all(), name

    def test_global_random_state_is_untouched(self) -> None:
        torch_before = torch.get_rng_state()
        numpy_before = np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002
        model, inputs, _ = self.ready()
        with torch.no_grad():
            self.output(model, inputs)
        assert torch.equal(torch_before, torch.get_rng_state())
        numpy_after = np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002
        assert (numpy_before == numpy_after).all()

    def test_predictions_do_not_depend_on_the_rest_of_the_batch(self) -> None:
        model, inputs, _ = self.ready()
        with torch.no_grad():
            together = self.output(model, inputs)
            alone = torch.cat([self.output(model, inputs[i : i + 1]) for i in range(12)])
        torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)
        assert together.std(dim=0).max() > 1e-4  # a constant would pass the line above

    def test_deep_copy_is_independent_and_predicts_the_same(self) -> None:
        model, inputs, labels = self.ready()
        twin = copy.deepcopy(model)
        with torch.no_grad():
            expected = self.output(model, inputs)
            assert torch.equal(self.output(twin, inputs), expected)
        fit(twin, inputs, labels, steps=2, targets=self.targets(inputs))
        with torch.no_grad():
            assert torch.equal(self.output(model, inputs), expected)

    def test_channels_last_gives_the_same(self) -> None:
        if len(self.shape) == 1:
            return  # vectors have no memory format
        model, inputs, _ = self.ready()
        with torch.no_grad():
            expected = self.output(model, inputs)
            model.to(memory_format=torch.channels_last)
            turned = self.output(model, inputs.to(memory_format=torch.channels_last))
        torch.testing.assert_close(turned, expected, rtol=1e-4, atol=1e-5)

    def test_budget_is_met_at_every_depth_and_grows(self) -> None:
        family = family_of(self.family, self.network)
        if isinstance(family, OwnFamily) and not has_matched_width(family, self.hyperparameters):
            pytest.skip("its size is free")
        for shape, classes in self.budget_shapes:
            counts = []
            for depth in range(1, 6):
                model = self.make(depth, shape, classes)
                counts.append(count_parameters(model))
                assert meets_budget(model, depth), (shape, depth, counts[-1])
                assert abs(counts[-1] / parameter_budget(depth) - 1) <= 0.10
            assert counts == sorted(set(counts))

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"depth": 0}, "depth"),
            ({"depth": 2.5}, "depth"),
            ({"depth": True}, "depth"),
            ({"num_classes": 1}, "num_classes"),
            ({"input_shape": (1, 8)}, "input_shape"),
            ({"hyperparameters": {"learnin_rate": 1.0}}, "learnin_rate"),
        ],
    )
    def test_invalid_request_is_one_clear_line(self, change: dict[str, Any], named: str) -> None:
        request: dict[str, Any] = {
            "depth": 1,
            "input_shape": self.shape,
            "num_classes": 2,
            "hyperparameters": {},
        }
        request |= change
        request["hyperparameters"] |= self.hyperparameters
        with pytest.raises(ValueError, match=named) as caught:
            build(self.family, network=self.network, **request, generator=generator(0))
        assert "\n" not in str(caught.value)

    def test_wrong_kind_of_input_is_refused(self) -> None:
        takes = family_of(self.family, self.network).takes
        assert takes in ("vectors", "images", "any")
        if takes == "any":
            model, inputs, _ = self.ready(self.wrong_shape)
            with torch.no_grad():
                assert len(self.output(model, inputs)) == 12
        else:
            with pytest.raises(ValueError, match="input_shape"):
                self.make(1, self.wrong_shape, 2)
