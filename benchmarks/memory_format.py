"""channels_last against channels_first on the CPU: forward and backward of each family.

Prints, per family and depth, the ratio first / last of the minimum step time over the rounds:
above 1 means that channels_last is faster.
"""

import argparse
import time

import torch

from classcomp.models import FAMILIES, Batch, build

BATCH, STEPS = 64, 10


def seconds_a_step(family: str, depth: int, side: int, memory_format: torch.memory_format) -> float:
    """Mean seconds of one optimizer step."""
    model = build(
        family,
        depth=depth,
        input_shape=(1, side, side),
        num_classes=2,
        hyperparameters={},
        generator=torch.Generator().manual_seed(0),
    ).to(memory_format=memory_format)
    noise = torch.Generator().manual_seed(0)
    inputs = torch.rand(BATCH, 1, side, side).contiguous(memory_format=memory_format)
    index = torch.arange(BATCH)
    batch = Batch(inputs=inputs, labels=index % 2, index=index)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    begin = 0.0
    for step in range(STEPS + 2):
        if step == 2:
            begin = time.perf_counter()
        optimizer.zero_grad()
        model.loss(batch, noise).backward()
        optimizer.step()
    return (time.perf_counter() - begin) / STEPS


def main() -> None:
    """Prints a line for each family and depth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for family in (name for name in FAMILIES if FAMILIES[name].module.takes != "vectors"):
        for depth in (1, 2, 4):
            pairs = [
                [
                    seconds_a_step(family, depth, options.side, memory_format)
                    for memory_format in (torch.contiguous_format, torch.channels_last)
                ]
                for _ in range(options.rounds)
            ]
            first, last = (min(pair[i] for pair in pairs) for i in (0, 1))
            print(f"{family:16s} depth {depth}: first / last = {first / last:.2f}")


if __name__ == "__main__":
    main()
