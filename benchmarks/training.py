"""The training step of each family against a plain loop and the machine's matrix rate.

    step        our loop; a DataLoader and torch's AdamW; channels_first; the step's own products
    ways        dispatch saved: four seeds stacked into one (torch.func), and torch.compile
    evaluation  scoring by batches of another size, and in bfloat16
    profile     shares of a step; on stderr torch's profiler, by operation

Ratios are of the minima over rounds, in which all that is compared takes turns, in CPU seconds of
one thread; but for compilation, which starts compilers of its own.
"""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from math import prod
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

from classcomp.models import FAMILIES, Batch, Classifier, Model, build
from classcomp.tasks.base import SCORING_BATCH, scored_at_once
from classcomp.training.loop import Trainer
from classcomp.training.sources import Sample
from classcomp.training.stacked import run_stacked_pass, why_not

STEPS = 4
SEEDS = 4
SQUARE = 1_024
aten = torch.ops.aten
HEADS = {
    "step": "| family | depth | side | batch | ms a step | plain / ours, median | first / last "
    "| products / ours | of matrix rate |\n" + "|---" * 9 + "|",
    "ways": "| family | depth | side | batch | ms a step | eager / stacked | eager / compiled "
    "| s to compile | s again |\n" + "|---" * 9 + "|",
    "profile": "| family | depth | side | batch | ms a step | data | forward | backward "
    "| optimizer | dispatch |\n" + "|---" * 10 + "|",
    "evaluation": "| family | depth | side | ms | batch | 2048 / it | bits | bf16 gains "
    "| decisions that differ |\n" + "|---" * 9 + "|",
}
DESCENT = {"learning_rate": 1e-3, "weight_decay": 1e-4}


@dataclass(frozen=True)
class Case:
    """A family at a depth, on images of a size, in batches of a size."""

    family: str
    depth: int
    side: int
    batch: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an input."""
        is_vectors = FAMILIES[self.family].takes == "vectors"
        return (self.side**2,) if is_vectors else (1, self.side, self.side)

    def stage(self, memory_format: torch.memory_format, seed: int = 0) -> Model | None:
        """Return what is trained first; None where everything is fitted."""
        model = build(
            self.family,
            depth=self.depth,
            input_shape=self.shape,
            num_classes=2,
            hyperparameters={},
            generator=torch.Generator().manual_seed(seed),
        )
        stage = model.to(memory_format=memory_format).stages()[0]
        return stage.train() if stage.objectives() else None

    def sample(self, memory_format: torch.memory_format) -> Sample:
        """Return `STEPS` batches of it."""
        num = STEPS * self.batch
        inputs = torch.rand(num, *self.shape, generator=torch.Generator().manual_seed(1))
        if len(self.shape) == 3:
            inputs = inputs.contiguous(memory_format=memory_format)
        is_pair = FAMILIES[self.family].task == "denoising"
        targets = inputs if is_pair else None
        return Sample(inputs=inputs, labels=torch.arange(num) % 2, seed=0, targets=targets)


def ours(case: Case, memory_format: torch.memory_format) -> Callable[[], object] | None:
    """Return a pass of `STEPS` steps as a trial makes it, its examples included."""
    stage = case.stage(memory_format)
    if stage is None:
        return None
    sample = case.sample(memory_format)
    stage.prepare(sample.inputs)
    trainer = Trainer(stage, **DESCENT, noise=torch.Generator().manual_seed(0))
    places = iter(range(0, 10**9, STEPS * case.batch))
    return lambda: trainer.run_pass(
        sample.examples(next(places), STEPS * case.batch), batch_size=case.batch
    )


def plain(case: Case) -> Callable[[], object]:
    """Return an epoch of the loop that everybody writes."""
    stage, sample = case.stage(torch.contiguous_format), case.sample(torch.contiguous_format)
    assert stage is not None
    stage.prepare(sample.inputs)
    targets = () if sample.targets is None else (sample.targets,)
    columns = TensorDataset(sample.inputs, sample.labels, sample.places, *targets)
    loader = DataLoader(columns, batch_size=case.batch, shuffle=True)
    noise = torch.Generator().manual_seed(0)
    pairs = [(o, torch.optim.AdamW(o.parameters, lr=1e-3)) for o in stage.objectives()]

    def epoch() -> None:
        for inputs, labels, index, *wanted in loader:
            batch = Batch(inputs=inputs, labels=labels, index=index, targets=(*wanted, None)[0])
            for objective, optimizer in pairs:
                optimizer.zero_grad()
                objective.loss(batch, noise).backward()
                optimizer.step()

    return epoch


class Products(TorchDispatchMode):
    """Notes the matrix products `(m, k) (k, n)` that layers and their gradients are.

    Not `torch.utils.flop_counter`: in torch 2.14 it counts the gradients of transposed
    convolutions many times over.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, int, int]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and note it."""
        out = func(*args, **(kwargs or {}))
        packet = func.overloadpacket
        if packet is aten.convolution:
            self.found.append(_product(args[0], args[1], out, is_transposed=args[6]))
        elif packet is aten.convolution_backward:
            m, k, n = _product(args[1], args[2], args[0], is_transposed=args[7])
            self.found += [(m, n, k)] * bool(args[-1][0]) + [(k, m, n)] * bool(args[-1][1])
        elif packet in (aten.mm, aten.addmm):
            a, b = args[-2:]
            self.found.append((a.shape[0], a.shape[1], b.shape[1]))
        return out


def _product(x: Tensor, weight: Tensor, out: Tensor, *, is_transposed: bool) -> tuple[int, ...]:
    places = len(x) * prod((x if is_transposed else out).shape[2:])
    rest = prod(weight.shape[1:])
    return (places, weight.shape[0], rest) if is_transposed else (places, rest, weight.shape[0])


def products(case: Case) -> tuple[Callable[[], object], float]:
    """Return `STEPS` times a step's matrix products alone, and their FLOP."""
    stage, sample = case.stage(torch.contiguous_format), case.sample(torch.contiguous_format)
    assert stage is not None
    stage.prepare(sample.inputs)
    noise, noted = torch.Generator().manual_seed(0), Products()
    for is_first in (True, False):  # an auto-decoder's first loss also finds where its codes begin
        with nullcontext() if is_first else noted:
            for objective in stage.objectives():
                objective.loss(sample.examples(0, case.batch), noise).backward()
    left, right, out = (
        torch.rand(max(size))
        for size in zip(*((m * k, k * n, m * n) for m, k, n in noted.found), strict=True)
    )

    def multiply() -> None:
        for _ in range(STEPS):
            for m, k, n in noted.found:
                a, b = left[: m * k].view(m, k), right[: k * n].view(k, n)
                torch.mm(a, b, out=out[: m * n].view(m, n))

    return multiply, STEPS * sum(2.0 * m * k * n for m, k, n in noted.found)


def seconds(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return of each way its CPU seconds, round by round.

    One thread does all: other programs beside it lengthen the wait and not the work. A call that is
    not counted comes before each that is: what the way before it left in the caches is not its own.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            way()
            begin = time.process_time()
            way()
            found[name].append(time.process_time() - begin)
    return found


def step(case: Case, rounds: int) -> None:
    """Print a line: how our step stands to other loops, and to the rate of matrix products."""
    if (loop := ours(case, torch.channels_last)) is None:
        return
    square = torch.rand(SQUARE, SQUARE)
    alone, flop = products(case)
    first = ours(case, torch.contiguous_format)
    assert first is not None
    compared = {"ours": loop, "plain": plain(case), "first": first, "products": alone}
    took = seconds({**compared, "square": lambda: square @ square}, rounds)
    least = {name: min(times) for name, times in took.items()}
    rate = flop / least["ours"] / (2 * SQUARE**3 / least["square"])
    middle = median(took["plain"]) / median(took["ours"])
    print(
        f"| {case.family} | {case.depth} | {case.side} | {case.batch} "
        f"| {1e3 * least['ours'] / STEPS:.2f} "
        f"| {least['plain'] / least['ours']:.2f} ({middle:.2f}) "
        f"| {least['first'] / least['ours']:.2f} "
        f"| {least['products'] / least['ours']:.2f} | {rate:.2f} |",
        flush=True,
    )


def ways(case: Case, rounds: int, *, compiles: bool) -> None:
    """Print what stacking gains, and compilation for a seed's pass, cold and from torch's cache."""
    stages = [case.stage(torch.channels_last, seed) for seed in range(SEEDS)]
    sample = case.sample(torch.channels_last)
    if stages[0] is None or why_not(stages[0], sample.examples(0, 8)) is not None:
        return
    trainers = [_trainer(stage) for stage in stages]
    examples = [sample.examples(0, STEPS * case.batch) for _ in stages]

    def eager() -> None:
        for trainer, batches in zip(trainers, examples, strict=True):
            trainer.run_pass(batches, batch_size=case.batch)

    compared: dict[str, Callable[[], object]] = {
        "eager": eager,
        "stacked": lambda: run_stacked_pass(trainers, examples, batch_size=case.batch),
    }
    took_s = "| | "
    if compiles:
        (compiled, cold_s), (_, warm_s) = _compiled(case), _compiled(case)
        compared["compiled"] = lambda: compiled.run_pass(examples[0], batch_size=case.batch)
        took_s = f"| {cold_s:.1f} | {warm_s:.1f} "
    least = {name: min(times) for name, times in seconds(compared, rounds).items()}
    each = least["eager"] / SEEDS
    gain = f"{each / least['compiled']:.2f} " if compiles else ""
    print(
        f"| {case.family} | {case.depth} | {case.side} | {case.batch} | {1e3 * each / STEPS:.2f} "
        f"| {least['eager'] / least['stacked']:.2f} | {gain}{took_s}|",
        flush=True,
    )


def _trainer(stage: Model | None) -> Trainer:
    assert stage is not None
    return Trainer(stage, **DESCENT, noise=torch.Generator().manual_seed(0))


def _compiled(case: Case) -> tuple[Trainer, float]:
    """A trainer whose stage is compiled, and the seconds of its first pass."""
    torch._dynamo.reset()
    stage, sample = case.stage(torch.channels_last), case.sample(torch.channels_last)
    assert stage is not None
    lowered = torch.compile(stage.loss)
    stage.loss = lambda batch, noise: lowered(batch, None)  # type: ignore[method-assign]
    trainer, begin = _trainer(stage), time.perf_counter()
    trainer.run_pass(sample.examples(0, STEPS * case.batch), batch_size=case.batch)
    return trainer, time.perf_counter() - begin


def evaluation(case: Case, rounds: int, num: int) -> None:
    """Print what smaller batches and bfloat16 gain where `num` examples are scored."""
    stage = case.stage(torch.channels_last)
    if not isinstance(stage, Classifier) or stage.needs_head or len(case.shape) != 3:
        return
    trainer, sample = _trainer(stage), case.sample(torch.channels_last)
    for _ in range(4):
        trainer.run_pass(sample.examples(0, STEPS * case.batch), batch_size=case.batch)
    stage.eval()
    inputs = torch.rand(num, *case.shape).contiguous(memory_format=torch.channels_last)
    size = scored_at_once(inputs, SCORING_BATCH)

    def logits(batch: int, *, is_half: bool = False) -> Tensor:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=is_half):
            return torch.cat([stage(part) for part in inputs.split(batch)])

    took = seconds(
        {
            "whole": lambda: logits(SCORING_BATCH),
            "parts": lambda: logits(size),
            "half": lambda: logits(size, is_half=True),
        },
        rounds,
    )
    least = {name: min(times) for name, times in took.items()}
    whole, parts, half = logits(SCORING_BATCH), logits(size), logits(size, is_half=True)
    differ = (half.argmax(1) != parts.argmax(1)).double().mean().item()
    print(
        f"| {case.family} | {case.depth} | {case.side} | {1e3 * least['parts']:.0f} | {size} "
        f"| {least['whole'] / least['parts']:.2f} "
        f"| {'equal' if torch.equal(whole, parts) else 'differ'} "
        f"| {least['parts'] / least['half']:.2f} | {differ:.4f} |",
        flush=True,
    )


def profile(case: Case, rounds: int) -> None:
    """Print the shares of a step, and torch's profiler on a pass of `STEPS` steps, by operation.

    Dispatch is what the step takes of two examples, in which there is hardly any arithmetic.
    """
    loop, small = (ours(c, torch.channels_last) for c in (case, replace(case, batch=2)))
    stage, sample = case.stage(torch.channels_last), case.sample(torch.channels_last)
    if loop is None or small is None or stage is None:
        return
    stage.prepare(sample.inputs)
    trainer, batch = _trainer(stage), sample.examples(0, case.batch)
    losses: list[Tensor] = []

    def forward() -> None:
        losses[:] = [objective.loss(batch, trainer.noise) for objective in trainer.objectives]

    def optimize() -> None:
        for optimizer in trainer.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    took = seconds(
        {
            "data": lambda: sample.examples(0, STEPS * case.batch),
            "forward": forward,
            "backward": lambda: [loss.backward() for loss in losses],
            "optimizer": optimize,
            "pass": loop,
            "dispatch": small,
        },
        STEPS * rounds,
    )
    least = {name: min(times) for name, times in took.items()}
    whole = least["pass"] / STEPS
    per_step = {**least, "data": least["data"] / STEPS, "dispatch": least["dispatch"] / STEPS}
    names = ("data", "forward", "backward", "optimizer", "dispatch")
    shares = " | ".join(f"{per_step[name] / whole:.2f}" for name in names)
    print(
        f"| {case.family} | {case.depth} | {case.side} | {case.batch} | {1e3 * whole:.2f} "
        f"| {shares} |",
        flush=True,
    )
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        loop()
    print(seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=12), file=sys.stderr)


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("part", choices=("step", "ways", "evaluation", "profile"))
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--depths", default="1,4")
    parser.add_argument("--sides", default="8")
    parser.add_argument("--batches", default="32,128")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--examples", type=int, default=4_096, help="that are scored")
    parser.add_argument("--compile", action="store_true", help="takes minutes a case")
    options = parser.parse_args()
    torch.set_num_threads(1)
    depths, sides, batches = (
        [int(value) for value in getattr(options, name).split(",")]
        for name in ("depths", "sides", "batches")
    )
    cases = [
        Case(family, depth, side, batch)
        for side in sides
        for family in options.families.split(",")
        for depth in depths
        for batch in batches
    ]
    print(HEADS[options.part])
    for case in cases:
        if options.part == "profile":
            profile(case, options.rounds)
        elif options.part == "evaluation":
            evaluation(case, options.rounds, options.examples)
        elif options.part == "ways":
            ways(case, options.rounds, compiles=options.compile)
        else:
            step(case, options.rounds)


if __name__ == "__main__":
    main()
