"""Several stages of one architecture trained at once, stacked into one (`torch.func`)."""

import copy
import math
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from classcomp.models.base import Batch, Model
from classcomp.training.loop import PassStats, Trainer

NUM_TRIED = 4
"""Examples on which it is tried whether a stage can be stacked."""
LONGEST_REASON = 200
"""Characters of what torch says where it cannot."""

Tensors = dict[str, Any]
State = tuple[Tensors, Tensors]
"""Parameters and buffers by name, `(seeds, ...)`."""


class _Loss(nn.Module):
    """A stage's only objective as a module's `forward`, which is all `functional_call` calls."""

    def __init__(self, stage: Model) -> None:
        super().__init__()
        self.stage = stage

    def forward(
        self,
        inputs: Float[Tensor, " batch *shape"],
        labels: Tensor,
        index: Tensor,
        targets: Float[Tensor, " batch *wanted"] | None,
        rate: float,
        generator: torch.Generator,
    ) -> Float[Tensor, ""]:
        """Return the objective of a batch, given in parts."""
        batch = Batch(inputs=inputs, labels=labels, index=index, targets=targets, rate=rate)
        return self.stage.loss(batch, generator)


def why_not(stage: Model, examples: Batch) -> str | None:
    """Return why seeds of a stage cannot be stacked; None: they can.

    A stack has one objective, by all parameters, and no generator: what a loss draws is one seed's
    own. What is done must not depend on values, as an index by a mask does. It is tried on copies
    of the stage, with the first `NUM_TRIED` examples.

    Args:
        stage: what is to be trained.
        examples: of what it is trained on.
    """
    twins = [copy.deepcopy(stage).train() for _ in range(2)]
    objectives = twins[0].objectives()
    if len(objectives) != 1 or objectives[0].loss != twins[0].loss:
        return "it has another objective than its loss"
    if {*objectives[0].parameters} != {*twins[0].parameters()}:
        return "some of its parameters are not trained"
    before, few = _plain_values(stage), examples.part(0, NUM_TRIED)
    generator = torch.Generator(few.inputs.device).manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of what torch itself would do one by one
        try:
            base, state = _based(twins[0]), stack_module_state([_Loss(twin) for twin in twins])
            _losses(base, state, _stacked([few, few]), generator).sum().backward()
        except Exception as error:  # torch raises whatever it likes
            return str(error).partition("\n")[0][:LONGEST_REASON] or type(error).__name__
    if _plain_values(base.stage) != before:
        return "training changes what it holds beside parameters and buffers"
    return None


def run_stacked_pass(
    trainers: Sequence[Trainer],
    examples: Sequence[Batch],
    *,
    batch_size: int,
    rate_from: float = 1.0,
    rate_to: float = 1.0,
) -> list[PassStats]:
    """Do what `run_pass` of each trainer would, all of them at once, to float precision.

    Stages and optimizers are where the trainers' own passes would have left them; generators are
    not used. A loss that is not finite is returned as it is: it is that of one seed.

    Args:
        trainers: of stages of one architecture (see `why_not`), equal in all but their weights.
        examples: for each its own, equally many.
        batch_size: as of `Trainer.run_pass`.
        rate_from: likewise.
        rate_to: likewise.
    """
    stages = [trainer.stage.train() for trainer in trainers]
    first = trainers[0]
    base, state = _based(stages[0]), stack_module_state([_Loss(stage) for stage in stages])
    optimizer = _stacked_optimizer(trainers, state[0])
    whole, num = _stacked(examples), len(examples[0])
    num_steps = math.ceil(num / batch_size)
    total = torch.zeros(len(trainers), device=examples[0].inputs.device)
    for step in range(num_steps):
        rate = rate_from + (rate_to - rate_from) * step / num_steps
        for group in optimizer.param_groups:
            group["lr"] = first.learning_rate * first.objectives[0].rate * rate
        chosen = slice(step * batch_size, (step + 1) * batch_size)
        parts = [None if part is None else part[:, chosen] for part in whole]
        optimizer.zero_grad(set_to_none=True)
        losses = _losses(base, state, parts, first.noise, rate)
        losses.sum().backward()
        optimizer.step()
        total += losses.detach() * (min(num, chosen.stop) - chosen.start)
    _unstack(trainers, state, optimizer)
    gradients = [p.grad.flatten(1) for p in state[0].values() if p.grad is not None]
    norms = torch.cat(gradients, dim=1).norm(dim=1)
    return [
        PassStats(num_steps=num_steps, num_examples=num, loss=loss / num, gradient_norm=norm)
        for loss, norm in zip(total.tolist(), norms.tolist(), strict=True)
    ]


def _based(stage: Model) -> _Loss:
    """A stage without values, whose code runs on those of a stack."""
    return _Loss(copy.deepcopy(stage).to("meta"))


def _losses(
    base: _Loss,
    state: State,
    batches: Sequence[Tensor | None],
    generator: torch.Generator,
    rate: float = 1.0,
) -> Float[Tensor, " seeds"]:
    def loss_of(parameters: Tensors, buffers: Tensors, *parts: Tensor | None) -> Tensor:
        found: Tensor = functional_call(base, (parameters, buffers), (*parts, rate, generator))
        return found

    places = tuple(None if part is None else 0 for part in batches)
    found: Tensor = vmap(loss_of, in_dims=(0, 0, *places))(*state, *batches)
    return found


def _stacked(examples: Sequence[Batch]) -> list[Tensor | None]:
    """Inputs, labels, index and targets `(seeds, batch, ...)`."""
    columns = zip(*((e.inputs, e.labels, e.index, e.targets) for e in examples), strict=True)
    return [None if column[0] is None else torch.stack(column) for column in columns]


def _stacked_optimizer(trainers: Sequence[Trainer], parameters: Tensors) -> torch.optim.Optimizer:
    """AdamW on the stack, where the trainers' have left off: it moves each number by itself."""
    group = dict(trainers[0].optimizers[0].param_groups[0])
    group["params"] = list(parameters.values())
    optimizer = torch.optim.AdamW([group])
    for name, stack in parameters.items():
        held = [trainer.optimizers[0].state.get(_named(trainer, name), {}) for trainer in trainers]
        optimizer.state[stack] = {
            key: held[0][key].clone() if key == "step" else torch.stack([h[key] for h in held])
            for key in held[0]
        }
    return optimizer


@torch.no_grad()
def _unstack(trainers: Sequence[Trainer], state: State, optimizer: torch.optim.Optimizer) -> None:
    """Give every trainer its part of the stack."""
    for seed, trainer in enumerate(trainers):
        wrapped = _Loss(trainer.stage)
        for name, own in (*wrapped.named_parameters(), *wrapped.named_buffers()):
            own.copy_((state[0] | state[1])[name][seed])
        for name, stack in state[0].items():
            trainer.optimizers[0].state[_named(trainer, name)] = {
                key: value.clone() if key == "step" else value[seed].clone()
                for key, value in optimizer.state[stack].items()
            }


def _named(trainer: Trainer, name: str) -> nn.Parameter:
    return _Loss(trainer.stage).get_parameter(name)


def _plain_values(stage: Model) -> list[dict[str, Any]]:
    """What modules hold beside tensors and other modules."""
    plain = (bool, int, float, str, type(None))
    modules = (m for m in stage.modules())
    return [{k: v for k, v in vars(m).items() if isinstance(v, plain)} for m in modules]
