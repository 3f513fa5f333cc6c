"""What it gains that a worker keeps the memory that a step has freed (study.engine.memory).

    python benchmarks/kept_memory.py

CPU milliseconds, system time among them, and page faults a step of a training loop. Each way has
processes of its own, in turns, the least of the rounds: glibc cannot be told otherwise again, and
what its memory looks like depends on what a process did before.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import torch
from training import STEPS, Case, ours

from study.engine.memory import keep_freed_memory

CASES = [
    Case(family, depth, side, 32)
    for side in (8, 28)
    for family in ("linear", "vgg", "resnet", "unet", "vae_svm")
    for depth in (1, 2)
]
ROUNDS, PASSES = 3, 25


def main() -> None:
    """Print a line a case, or measure one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--one", metavar="JSON", help="of a case; what the others call")
    parser.add_argument("--kept", action="store_true")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(Case(*json.loads(options.one)), is_kept=options.kept)))
        return
    print("| family | depth | side | ms a step | kept: ms | gain | faults a step | kept |")
    print("|" + "---|" * 8)
    for case in CASES:
        named = json.dumps([case.family, case.depth, case.side, case.batch])
        ways = [[__file__, "--one", named], [__file__, "--one", named, "--kept"]]
        rounds = [[_run(way) for way in ways] for _ in range(ROUNDS)]
        (ms, faults), (kept_ms, kept_faults) = (min(held) for held in zip(*rounds, strict=True))
        print(
            f"| {case.family} | {case.depth} | {case.side} | {ms:.2f} | {kept_ms:.2f} "
            f"| {ms / kept_ms:.2f} | {faults:.0f} | {kept_faults:.0f} |",
            flush=True,
        )


def _run(arguments: list[str]) -> list[float]:
    found = subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True
    ).stdout
    values: list[float] = json.loads(found)
    return values


def measured(case: Case, *, is_kept: bool) -> tuple[float, float]:
    """Milliseconds of CPU and page faults a step, means over `PASSES` passes after the first."""
    torch.set_num_threads(1)
    if is_kept:
        keep_freed_memory()
    loop = ours(case, torch.channels_last)
    assert loop is not None
    loop()
    begin, seen = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(PASSES):
        loop()
    num = PASSES * STEPS
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - seen
    return 1e3 * (time.process_time() - begin) / num, faults / num


if __name__ == "__main__":
    main()
