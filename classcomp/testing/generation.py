"""What every family must keep that makes examples from noise; inherit `GenerationContract`."""

import torch
from torch import Tensor

from classcomp.models import Model, family_of
from classcomp.models.base import Decides, Generates, Reconstructs
from classcomp.testing.model import ModelContract, batch_of, fit, generator, random_batch


class GenerationContract(ModelContract[Model]):
    """Subclass as `class TestX(GenerationContract)` and set `ModelContract`'s attributes."""

    kind = Model

    def output(self, model: Model, inputs: Tensor) -> Tensor:
        """Return generated examples, as many as inputs, the same ones at every call."""
        assert isinstance(model, Generates)
        found: Tensor = model.sample(len(inputs), generator(9))
        return found

    def test_predictions_do_not_depend_on_the_rest_of_the_batch(self) -> None:
        """Nor do samples: drawn together they are what they are one after another."""
        model, _, _ = self.ready()
        assert isinstance(model, Generates)
        draws = generator(9)
        with torch.no_grad():
            together = model.sample(12, generator(9))
            alone = torch.cat([model.sample(1, draws) for _ in range(12)])
        torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)
        assert together.std(dim=0).max() > 1e-4

    def test_shapes_of_samples(self) -> None:
        assert family_of(self.family, self.network).task == "generation"
        for depth, shape, classes in self.grid:
            model, _, _ = self.ready(shape, classes, depth)
            case = f"depth={depth} shape={shape}"
            assert isinstance(model, Generates), case
            assert not isinstance(model, Decides | Reconstructs), case
            with torch.no_grad():
                found, again = (model.sample(5, generator(0)) for _ in range(2))
                other = model.sample(5, generator(1))
            assert found.shape == (5, *shape), case
            assert found.dtype == torch.float32, case
            assert torch.isfinite(found).all(), case
            assert torch.equal(found, again), case
            assert not torch.equal(found, other), case

    def test_labels_play_no_part(self) -> None:
        samples = []
        for classes, order in ((3, 1), (3, -1), (7, 1)):
            inputs, labels = random_batch(12, self.shape, 3)
            model = self.make(2, self.shape, classes)
            fit(model, inputs, labels if order > 0 else labels.flip(0), steps=2)
            with torch.no_grad():
                samples.append(self.output(model.eval(), inputs))
        assert torch.equal(samples[0], samples[1])
        assert torch.equal(samples[0], samples[2])

    def test_in_other_units_it_makes_the_same(self) -> None:
        inputs, labels = random_batch(24, self.shape, 2)
        made = []
        for shown in (inputs, 100 * inputs + 30):
            model = self.make(2, self.shape, 2)
            fit(model, shown, labels, steps=3)
            with torch.no_grad():
                made.append(self.output(model.eval(), inputs))
        assert made[0].std() > 0.01
        torch.testing.assert_close(made[1], 100 * made[0] + 30, rtol=1e-3, atol=0.1)

    def test_every_objective_moves_its_own_parameters_alone(self) -> None:
        model = self.make(2, self.shape, 2).train()
        parts = [set(map(id, objective.parameters)) for objective in model.objectives()]
        assert sum(map(len, parts)) == len({i for part in parts for i in part})
        assert {i for part in parts for i in part} == set(map(id, model.parameters()))
        batch = batch_of(*random_batch(12, self.shape, 2))
        for objective in model.objectives():
            model.zero_grad()
            objective.loss(batch, generator(0)).backward()
            assert all(p.grad is not None and p.grad.abs().max() > 0 for p in objective.parameters)
